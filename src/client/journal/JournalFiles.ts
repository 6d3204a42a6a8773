/**
 * The entries of a journal as files in a directory. A module of its own, since browsers do not need it.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Path from "@effect/platform/Path"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import type { JournalStore } from "./JournalStore.js"

/** A temporary file that is older than this has no writer any more. */
const abandonedAfter = Duration.days(1)

/**
 * One file for each key. Keys must be valid file names that do not begin with a dot. A file is written under a
 * temporary name and then renamed, so several processes can share the directory and no reader finds half a file. After
 * a power cut a file may be empty. The first write creates the directory. Only its owner can read the directory and the
 * files.
 */
export const make = Effect.fnUntraced(function*(directory: string): Effect.fn.Return<
  JournalStore,
  never,
  FileSystem.FileSystem | Path.Path
> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const inDirectory = (name: string) => path.join(directory, name)

  const names = fs.readDirectory(directory).pipe(Effect.catchIf(isAbsent, () => Effect.succeed([])))

  const write = (file: string, value: string) => fs.writeFileString(file, value, { flag: "wx", mode: 0o600 })

  const set = Effect.fnUntraced(function*(key: string, value: string) {
    const temporary = inDirectory(temporaryOf(key))
    yield* write(temporary, value).pipe(
      Effect.catchIf(isAbsent, () =>
        Effect.zipRight(
          fs.makeDirectory(directory, { recursive: true, mode: 0o700 }),
          write(temporary, value)
        )),
      Effect.zipRight(fs.rename(temporary, inDirectory(key))),
      Effect.onError(() => Effect.ignore(fs.remove(temporary)))
    )
  }, Effect.uninterruptible)

  const removeIfAbandoned = Effect.fnUntraced(function*(name: string) {
    const now = yield* DateTime.now
    const { mtime } = yield* fs.stat(inDirectory(name))
    if (
      Option.exists(mtime, (time) => time.getTime() < DateTime.toEpochMillis(now) - Duration.toMillis(abandonedAfter))
    ) {
      yield* fs.remove(inDirectory(name))
    }
  }, Effect.ignore)

  const keys = Effect.tap(names, (names) => Effect.forEach(names.filter(isTemporary), removeIfAbandoned)).pipe(
    Effect.map((names) => names.filter((name) => !name.startsWith(".")))
  )

  const remove = (key: string) => fs.remove(inDirectory(key), { force: true })

  return {
    store: KeyValueStore.makeStringOnly({
      get: (key) =>
        Effect.asSome(fs.readFileString(inDirectory(key))).pipe(Effect.catchIf(isAbsent, () => Effect.succeedNone)),
      set,
      remove,
      clear: Effect.flatMap(keys, Effect.forEach(remove, { discard: true })),
      size: Effect.map(keys, (keys) => keys.length)
    }),
    keys
  }
})

const isAbsent = (error: PlatformError) => error._tag === "SystemError" && error.reason === "NotFound"

const temporaryOf = (key: string) =>
  `.${key}.${Encoding.encodeHex(crypto.getRandomValues(new Uint8Array(8)))}.effect-tus`

const isTemporary = (name: string) => /^\..+\.[0-9a-f]{16}\.effect-tus$/.test(name)
