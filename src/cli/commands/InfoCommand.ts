/**
 * `effect-tus info`: the offset and the metadata of an upload.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Info } from "../../client/requests/ResponseReader.js"
import * as TusUpload from "../../client/upload/TusUpload.js"
import * as Metadata from "../../protocol/Metadata.js"
import * as Connection from "../options/Connection.js"
import * as Flags from "../options/Flags.js"
import * as Json from "../terminal/Json.js"
import { Output } from "../terminal/Output.js"
import * as Size from "../terminal/Size.js"
import * as Text from "../terminal/Text.js"
import * as Time from "../terminal/Time.js"
import * as Uploads from "./Uploads.js"

export const command = Command.make("info", {
  url: Flags.url.pipe(Args.withDescription("The URL of an upload.")),
  connection: Flags.connection,
  retry: Flags.retry,
  json: Flags.json,
  debug: Flags.debug
}, ({ connection, json, retry, url }) =>
  Effect.gen(function*() {
    const output = yield* Output
    const info = yield* TusUpload.info(url, { retry: Uploads.schedule(retry) })
    const now = yield* DateTime.now
    yield* json
      ? output.raw(Json.print(facts(url, info)))
      : Effect.forEach(lines(info, now), output.result, { discard: true })
  }).pipe(Effect.provide(Connection.layer(connection)))).pipe(
    Command.withDescription("Shows the offset, length and metadata of an upload.")
  )

export const facts = (url: string, { expires, length, metadata, offset }: Info) => ({
  url,
  offset: Option.getOrNull(offset),
  length: Option.getOrNull(length),
  complete: isComplete({ length, offset }),
  metadata: Object.fromEntries(pairs(metadata).map(([key, value]) => [key, readable(value).text])),
  /** The keys whose values are not text, and are printed in base64. */
  binary: pairs(metadata).flatMap(([key, value]) => (readable(value).binary ? [key] : [])),
  expires: Option.getOrNull(Option.map(expires, DateTime.formatIso))
})

export const lines = ({ expires, length, metadata, offset }: Info, now: DateTime.Utc): ReadonlyArray<string> => {
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["offset", Option.match(offset, { onNone: () => "not yet joined", onSome: bytes })],
    ["length", Option.match(length, { onNone: () => "not yet known", onSome: bytes })],
    [
      "complete",
      isComplete({ length, offset })
        ? "yes"
        : Option.match(Option.all([offset, length]), {
          onNone: () => "no",
          onSome: ([offset, length]) => `no (${Size.percent(offset, length)} %)`
        })
    ],
    ...Option.toArray(expires).map((at) => ["expires", `${DateTime.formatIso(at)} (${remaining(at, now)})`] as const),
    ...pairs(metadata).map(([key, value]) => {
      const { binary, text } = readable(value)
      return [Text.clean(key), binary ? `base64 ${text}` : Text.clean(text)] as const
    })
  ]
  const widest = Math.max(...rows.map(([name]) => Text.width(name)))
  return rows.map(([name, value]) => `${Text.fit(name, widest)}  ${value}`.trimEnd())
}

export const remaining = (at: DateTime.Utc, now: DateTime.Utc): string =>
  Either.match(DateTime.distanceDurationEither(now, at), {
    onLeft: () => "expired",
    onRight: (duration) => `in ${Time.words(duration)}`
  })

const bytes = (count: number) => (count < 1000 ? `${count} bytes` : `${count} bytes (${Size.print(count)})`)

const isComplete = ({ length, offset }: Pick<Info, "length" | "offset">): boolean =>
  Option.getOrElse(Option.zipWith(offset, length, (offset, length) => offset === length), () => false)

const pairs = (header: Info["metadata"]): ReadonlyArray<readonly [string, Uint8Array]> =>
  Option.match(Option.flatMap(header, decode), { onNone: () => [], onSome: (metadata) => [...metadata] })

const decode = Schema.decodeOption(Metadata.FromRaw)

const readable = (value: Uint8Array): { readonly text: string; readonly binary: boolean } =>
  Either.match(Either.try(() => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value)), {
    onLeft: () => ({ text: Encoding.encodeBase64(value), binary: true }),
    onRight: (text) => ({ text, binary: false })
  })
