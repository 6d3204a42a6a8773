/**
 * What was dropped, as files: those in folders, too, however deep.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"

type Files = Effect.Effect<ReadonlyArray<File>, Error>

/** To be called while the event is handled: afterwards nothing is there any more. */
export const filesOf = ({ items }: DataTransfer): Files => {
  const dropped = Array.from(items, (item) => item.webkitGetAsEntry() ?? item.getAsFile())
  return all(dropped.filter((one) => one !== null), (one) => one instanceof File ? Effect.succeed([one]) : within(one))
}

const all = <A>(some: Iterable<A>, filesOf: (one: A) => Files): Files =>
  Effect.map(Effect.forEach(some, filesOf), Arr.flatten)

const within = (entry: FileSystemEntry): Files =>
  isFile(entry)
    ? Effect.map(
      asked<File>((done, failed) => entry.file(done, failed)),
      (file) => [named(file, entry.fullPath.slice(1))]
    )
    : isFolder(entry)
    ? Effect.flatMap(entriesOf(entry.createReader()), (entries) => all(entries, within))
    : Effect.succeed([])

/** By its path: folders may hold several of one name, and each of them is a file of its own. */
const named = (file: File, path: string) =>
  file.name === path ? file : new File([file], path, { type: file.type, lastModified: file.lastModified })

/** A browser tells some at a time, and none at the end. */
const entriesOf = (reader: FileSystemDirectoryReader): Effect.Effect<ReadonlyArray<FileSystemEntry>, Error> =>
  Effect.flatMap(
    asked<ReadonlyArray<FileSystemEntry>>((done, failed) => reader.readEntries(done, failed)),
    (some) => some.length === 0 ? Effect.succeed([]) : Effect.map(entriesOf(reader), Arr.appendAll(some))
  )

const asked = <A>(ask: (done: (answer: A) => void, failed: (error: Error) => void) => void) =>
  Effect.async<A, Error>((resume) => {
    ask((answer) => resume(Effect.succeed(answer)), (error) => resume(Effect.fail(error)))
  })

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile

const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory
