/**
 * The query of an upload's URL. None by default. With `layerSigned` it holds a signature of this server: a client with
 * the URL may use the upload until the URL expires, and the id alone is not enough.
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Denied } from "../../protocol/Refusal.js"
import type { UploadId } from "../../protocol/Upload.js"
import * as OptionError from "../policy/OptionError.js"

/**
 * How the URL of an upload is made, and verified with each request. `Denied` with a 403 refuses a request.
 */
export interface Urls {
  /** Whether URLs are verified. */
  readonly areSigned: boolean
  /** The query of a new upload's URL, with its question mark, or an empty text. */
  readonly sign: (id: UploadId) => Effect.Effect<string>
  /** Fails if this is not a valid URL of this upload. */
  readonly verify: (id: UploadId, url: string) => Effect.Effect<void, Denied>
}

/** URLs without a query, by default. Provide `layerSigned` to the server to change it. */
export class UploadUrls extends Context.Reference<UploadUrls>()("effect-tus/UploadUrls", {
  defaultValue: (): Urls => ({ areSigned: false, sign: () => Effect.succeed(""), verify: () => Effect.void })
}) {}

/** The secret, and how long a URL is valid. */
export interface Options {
  /** At least 32 characters that nobody can guess, and the same in every process that serves the uploads. */
  readonly secret: Redacted.Redacted
  /** How long a URL may be used, from the creation of its upload. One day by default. */
  readonly validFor?: Duration.DurationInput | undefined
}

const algorithm = { name: "HMAC", hash: "SHA-256" } as const

/** URLs with `expires`, in seconds since 1970, and `signature`, HMAC-SHA-256 of the id and that, in base64url. */
export const makeSigned = ({ secret, validFor = "1 day" }: Options): Effect.Effect<Urls, OptionError.OptionError> =>
  Effect.gen(function*() {
    const text = Redacted.value(secret)
    if (text.length < 32) {
      return yield* new OptionError.OptionError({
        option: "secret",
        expected: "at least 32 characters",
        actual: `${text.length} characters`
      })
    }
    yield* check({ validFor })
    const key = yield* Effect.promise(() =>
      crypto.subtle.importKey("raw", bytesOf(text), algorithm, false, ["sign", "verify"])
    )
    return {
      areSigned: true,
      sign: Effect.fnUntraced(function*(id) {
        const now = DateTime.toEpochMillis(yield* DateTime.now)
        const expires = Math.ceil((now + Duration.toMillis(validFor)) / 1000)
        const signature = yield* Effect.promise(() => crypto.subtle.sign(algorithm, key, signed(id, expires)))
        return `?expires=${expires}&signature=${Encoding.encodeBase64Url(new Uint8Array(signature))}`
      }),
      verify: Effect.fnUntraced(function*(id, url) {
        const query = new URLSearchParams(/\?([^#]*)/.exec(url)?.[1])
        const expires = Number(query.get("expires") ?? Number.NaN)
        const signature = Either.getOrElse(
          Encoding.decodeBase64Url(query.get("signature") ?? ""),
          () => new Uint8Array()
        )
        const isOurs = yield* Effect.promise(() =>
          crypto.subtle.verify(algorithm, key, new Uint8Array(signature), signed(id, expires))
        )
        if (!isOurs) {
          return yield* new Denied({
            status: 403,
            reason: "expected the whole URL of the upload, as it was told at its creation"
          })
        }
        if (DateTime.toEpochMillis(yield* DateTime.now) >= expires * 1000) {
          return yield* new Denied({ status: 403, reason: "the time of this URL has run out; create a new upload" })
        }
      })
    }
  })

/**
 * `makeSigned`, for a server. Fails with an `OptionError` where the secret is shorter than 32 characters or `validFor`
 * is no duration.
 */
export const layerSigned = (options: Options): Layer.Layer<UploadUrls, OptionError.OptionError> =>
  Layer.effect(UploadUrls, makeSigned(options))

const check = OptionError.check(Schema.Struct({ validFor: OptionError.duration }))

const bytesOf = (text: string) => new TextEncoder().encode(text)

const signed = (id: UploadId, expires: number) => bytesOf(`${id}\n${expires}`)
