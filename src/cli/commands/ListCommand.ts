/**
 * `effect-tus list`: the uploads in the journal.
 */
import * as Command from "@effect/cli/Command"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Str from "effect/String"
import type { Creation, JournalEntry } from "../../client/journal/UploadJournal.js"
import * as Inherited from "../../client/upload/Inherited.js"
import * as Flags from "../options/Flags.js"
import * as Journal from "../options/Journal.js"
import * as Json from "../terminal/Json.js"
import { Output } from "../terminal/Output.js"
import * as Size from "../terminal/Size.js"
import * as Text from "../terminal/Text.js"
import * as Time from "../terminal/Time.js"
import { remaining } from "./InfoCommand.js"

export const command = Command.make(
  "list",
  { journal: Flags.journal, json: Flags.json, debug: Flags.debug },
  ({ journal, json }) =>
    Effect.gen(function*() {
      const output = yield* Output
      const entries = yield* Journal.entries(journal)
      const now = yield* DateTime.now
      if (entries.length === 0 && !json) {
        return yield* output.say("effect-tus: there are no unfinished uploads")
      }
      yield* json
        ? Effect.forEach(entries, (entry) => output.raw(Json.print(facts(entry))), { discard: true })
        : Effect.forEach(entries.flatMap((entry) => lines(entry, now)), output.result, { discard: true })
    }).pipe(Effect.provide(Journal.layer(journal)))
).pipe(Command.withDescription("Shows the uploads that were interrupted and can be resumed."))

const facts = (entry: JournalEntry) => ({
  source: entry.source,
  url: entry.url,
  endpoint: entry.endpoint,
  start: entry.start,
  length: entry.length,
  sent: Inherited.sentOf(entry),
  acknowledged: entry.acknowledged,
  metadata: Option.getOrNull(Option.flatMap(entry.creation, ({ metadata }) => metadata)),
  parts: Option.getOrNull(Option.map(entry.creation, ({ parts }) => parts)),
  updated: DateTime.formatIso(entry.updated),
  expires: Option.getOrNull(Option.map(entry.expires, DateTime.formatIso))
})

/** Only the server knows how much of an interrupted request it kept, so the sent bytes are printed, with "about". */
export const lines = (entry: JournalEntry, now: DateTime.Utc): ReadonlyArray<string> => {
  const sent = Inherited.sentOf(entry)
  // Sent bytes that are not acknowledged are no proof that all is done.
  const most = sent > entry.acknowledged ? 99 : 100
  return [
    [
      `${Text.clean(entry.source)}${entry.start > 0 ? ` from ${Size.print(entry.start)}` : ""}`,
      `${sent > entry.acknowledged ? "about " : ""}${Math.min(Size.percent(sent, entry.length), most)}% of ${
        Size.print(entry.length)
      }`,
      `${Time.words(DateTime.distanceDuration(entry.updated, now))} ago`,
      ...Option.toArray(Option.map(entry.expires, (at) => `expires ${remaining(at, now)}`))
    ].join("  "),
    `  ${Text.clean(entry.url)}`,
    ...Option.toArray(Option.map(Option.flatMap(entry.creation, created), (words) => `  ${Text.clean(words)}`))
  ]
}

/** The metadata and options with which the upload would be created again. */
const created = (creation: Creation): Option.Option<string> =>
  Option.liftPredicate(
    [
      ...Object.entries(Journal.metadataOf(creation)).map(([key, value]) =>
        `${key}=${new TextDecoder().decode(value)}`
      ),
      ...Option.toArray(creation.checksum),
      ...(creation.parts === 1 ? [] : [`${creation.parts} parts`])
    ].join(", "),
    Str.isNonEmpty
  )
