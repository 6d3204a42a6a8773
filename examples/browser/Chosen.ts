/**
 * Chosen and dropped files, with those in folders at any depth. If the browser supports it, with a handle by which the
 * file can be read again after a reload.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Handles from "./Handles.js"

export interface Chosen {
  readonly file: File
  readonly handle: Option.Option<Handles.FileHandle>
}

type Several = Effect.Effect<ReadonlyArray<Chosen>, Error>

export const ofFile = (file: File): Chosen => ({ file, handle: Option.none() })

/** Opens the browser's dialog if it returns handles; else undefined. */
export const pick = (): Option.Option<Several> =>
  Option.map(
    Option.fromNullable((globalThis as Handles.Picking).showOpenFilePicker),
    (show) =>
      attempt(() => show({ multiple: true })).pipe(
        Effect.flatMap((handles) => all(handles, (handle) => ofHandle(handle, ""))),
        // The user has cancelled the dialog.
        Effect.catchIf(({ name }) => name === "AbortError", () => Effect.succeed([]))
      )
  )

/** Must be called while the event is handled: afterwards the data is gone. */
export const dropped = ({ items }: DataTransfer): Several => {
  const taken = Array.from(items, (item: Handles.Item) => ({
    handle: item.getAsFileSystemHandle?.() ?? Promise.resolve(null),
    entry: item.webkitGetAsEntry() ?? item.getAsFile()
  }))
  return all(taken, ({ entry, handle }) =>
    Effect.flatMap(
      Effect.orElseSucceed(attempt(() => handle), () => null),
      // The specification says null if there is none; Chromium returns undefined.
      (handle) =>
        handle
          ? ofHandle(handle, "")
          : entry instanceof File
          ? Effect.succeed([ofFile(entry)])
          : entry === null
          ? Effect.succeed([])
          : ofEntry(entry)
    ))
}

const all = <A>(some: Iterable<A>, each: (one: A) => Several): Several =>
  Effect.map(Effect.forEach(some, each), Arr.flatten)

const ofHandle = (handle: Handles.Handle, folder: string): Several =>
  handle.kind === "file"
    ? Effect.map(attempt(() => handle.getFile()), (file) => [
      { file: named(file, folder + file.name), handle: Option.some(handle) }
    ])
    : Effect.flatMap(
      attempt(() => within(handle)),
      (handles) => all(handles, (each) => ofHandle(each, `${folder}${handle.name}/`))
    )

const within = async (folder: Handles.FolderHandle) => {
  const handles: Array<Handles.Handle> = []
  for await (const handle of folder.values()) {
    handles.push(handle)
  }
  return handles
}

const ofEntry = (entry: FileSystemEntry): Several =>
  isFile(entry)
    ? Effect.map(
      asked<File>((done, failed) => entry.file(done, failed)),
      (file) => [ofFile(named(file, entry.fullPath.slice(1)))]
    )
    : isFolder(entry)
    ? Effect.flatMap(entriesOf(entry.createReader()), (entries) => all(entries, ofEntry))
    : Effect.succeed([])

/** The path as the name, since several folders may have a file of the same name. */
export const named = (file: File, path: string) =>
  file.name === path ? file : new File([file], path, { type: file.type, lastModified: file.lastModified })

/** A browser returns entries in batches, and an empty batch at the end. */
const entriesOf = (reader: FileSystemDirectoryReader): Effect.Effect<ReadonlyArray<FileSystemEntry>, Error> =>
  Effect.flatMap(
    asked<ReadonlyArray<FileSystemEntry>>((done, failed) => reader.readEntries(done, failed)),
    (some) => some.length === 0 ? Effect.succeed([]) : Effect.map(entriesOf(reader), Arr.appendAll(some))
  )

const asked = <A>(ask: (done: (answer: A) => void, failed: (error: Error) => void) => void) =>
  Effect.async<A, Error>((resume) => {
    ask((answer) => resume(Effect.succeed(answer)), (error) => resume(Effect.fail(error)))
  })

const attempt = <A>(make: () => Promise<A>) =>
  Effect.tryPromise({ try: make, catch: (cause) => cause instanceof Error ? cause : new Error(String(cause)) })

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile

const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory
