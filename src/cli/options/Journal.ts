/**
 * The journal of the command, and the uploads in it that can be resumed.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import * as JournalFiles from "../../client/journal/JournalFiles.js"
import * as UploadJournal from "../../client/journal/UploadJournal.js"
import * as SystemReason from "../../client/transport/SystemReason.js"
import * as Metadata from "../../protocol/Metadata.js"
import { CommandError } from "../terminal/Failure.js"
import * as Text from "../terminal/Text.js"
import * as Place from "./Place.js"

export type Choice =
  | { readonly _tag: "Default" }
  | { readonly _tag: "Directory"; readonly path: string }
  | { readonly _tag: "None" }

const directoryOf = (choice: Choice) =>
  choice._tag === "Directory"
    ? Place.absolute(choice.path)
    : Effect.map(Place.state, (path) => join(path, "effect-tus"))

/** Fails if its directory cannot be determined. */
export const layer = (choice: Choice) =>
  choice._tag === "None"
    ? Layer.empty
    : Layer.unwrapEffect(Effect.map(directoryOf(choice), UploadJournal.layerFileSystem))

/**
 * Uploads without a journal if the default directory cannot be found, with a warning. A directory that the user chose
 * has to work.
 */
export const layerIfAny = (choice: Choice) =>
  choice._tag === "Default"
    ? Layer.catchAll(layer(choice), ({ message }) =>
      Layer.effectDiscard(Effect.logWarning(`interrupted uploads cannot be resumed: ${message}`)))
    : layer(choice)

/** The unfinished uploads. Fails if the journal cannot be read: here the journal is what the user asked for. */
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

/** The unfinished uploads of one file at one endpoint: one upload, several, or the parts of one. */
export interface Remnant {
  readonly source: string
  readonly endpoint: string
  readonly entries: ReadonlyArray<UploadJournal.JournalEntry>
}

/** In the order of the entries. */
export const group = (entries: ReadonlyArray<UploadJournal.JournalEntry>): ReadonlyArray<Remnant> => {
  const remnants = new Map<string, Remnant>()
  for (const entry of entries) {
    const key = JSON.stringify([entry.source, entry.endpoint])
    const { endpoint, source } = entry
    remnants.set(key, { source, endpoint, entries: [...(remnants.get(key)?.entries ?? []), entry] })
  }
  return [...remnants.values()]
}

/** How an earlier session created the upload; `Option.none` if an earlier version did not record it. */
export const creationOf = (entries: ReadonlyArray<UploadJournal.JournalEntry>): Option.Option<UploadJournal.Creation> =>
  Option.firstSomeOf(entries.map(({ creation }) => creation))

/** The metadata by key, as bytes; empty if the stored header is invalid. */
export const metadataOf = ({ metadata }: UploadJournal.Creation): Readonly<Record<string, Uint8Array>> =>
  Option.match(Option.flatMap(metadata, decodeMetadata), { onNone: () => ({}), onSome: Object.fromEntries })

const decodeMetadata = Schema.decodeOption(Metadata.FromRaw)
