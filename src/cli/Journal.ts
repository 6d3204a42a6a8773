/**
 * Where the command remembers what is unfinished, and what of it can be gone on with.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import * as JournalFiles from "../client/JournalFiles.js"
import * as Parallel from "../client/Parallel.js"
import * as SystemReason from "../client/SystemReason.js"
import * as UploadJournal from "../client/UploadJournal.js"
import * as UploadSource from "../client/UploadSource.js"
import { CommandError } from "./Failure.js"
import * as Text from "./Text.js"

export type Choice =
  | { readonly _tag: "Default" }
  | { readonly _tag: "Directory"; readonly path: string }
  | { readonly _tag: "None" }

/** "All paths set in these environment variables must be absolute", XDG Base Directory Specification. */
const standard = Config.string("XDG_STATE_HOME").pipe(
  Config.option,
  Config.map(Option.filter(isAbsolute)),
  Config.map(Option.getOrElse(() => join(homedir(), ".local", "state"))),
  Config.map((path) => join(path, "effect-tus")),
  Effect.orElseSucceed(() => join(homedir(), ".local", "state", "effect-tus"))
)

const directoryOf = (choice: Choice) => choice._tag === "Directory" ? Effect.succeed(resolve(choice.path)) : standard

export const layer = (choice: Choice) =>
  choice._tag === "None"
    ? Layer.empty
    : Layer.unwrapEffect(Effect.map(directoryOf(choice), UploadJournal.layerFileSystem))

/** What is unfinished. Where nobody can tell, that is said: a journal is no help here, but what was asked for. */
export const entries = Effect.fnUntraced(function*(choice: Choice) {
  const directory = yield* directoryOf(choice)
  const { keys } = yield* JournalFiles.make(directory)
  yield* Effect.mapError(keys, (cause) =>
    new CommandError({
      message: `${Text.clean(directory)}: the journal cannot be read: ${SystemReason.of(cause)}`,
      cause
    }))
  const { list } = yield* UploadJournal.UploadJournal
  return yield* list
})

/** What one file at one endpoint has left: one upload, several of them, or the parts of one. */
export interface Remnant {
  readonly source: string
  readonly endpoint: string
  readonly entries: ReadonlyArray<UploadJournal.Entry>
}

/** In the order of the entries. */
export const group = (entries: ReadonlyArray<UploadJournal.Entry>): ReadonlyArray<Remnant> => {
  const remnants = new Map<string, Remnant>()
  for (const entry of entries) {
    const key = JSON.stringify([entry.source, entry.endpoint])
    const { endpoint, source } = entry
    remnants.set(key, { source, endpoint, entries: [...(remnants.get(key)?.entries ?? []), entry] })
  }
  return [...remnants.values()]
}

/** More parts are not looked for. */
const maxParts = 256

/** In how many parts a file of this size was sent; parts are found again only where there are as many. */
export const partsOf = (entries: ReadonlyArray<UploadJournal.Entry>, size: number): Option.Option<number> => {
  const source = UploadSource.fromRange({ name: "", length: size, read: () => Stream.empty })
  return Option.fromNullable(
    Array.from({ length: maxParts }, (_, i) => i + 1).find((parallel) => {
      const ranges = Parallel.rangesOf({ endpoint: "", source, parallel })
      return entries.every(({ length, start }) =>
        ranges.some((range) => range.start === start && range.length === length)
      )
    })
  )
}
