/**
 * What is known of an endpoint, by all uploads to it: what the server can do, asked once; how much it takes at a time, learnt; and
 * until when it wants to be left alone.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Extension } from "../protocol/Extension.js"
import type * as Options from "../protocol/Options.js"
import { type RequestError, TooLarge, Unsupported } from "./TusError.js"

export interface Capabilities {
  readonly extensions: ReadonlySet<string>
  readonly algorithms: ReadonlyArray<string>
  /** In bytes. */
  readonly maxSize: Option.Option<number>
}

export interface Endpoint {
  readonly url: string
  /** What the server can do. One that does not say can do what the protocol asks of all, and create uploads. */
  readonly capabilities: (
    discover: Effect.Effect<Option.Option<Options.Response>, RequestError>
  ) => Effect.Effect<Capabilities, RequestError>
  /** Bytes that one request may bring, as far as is known. */
  limit: number
  /** No request before this time, in milliseconds of `Monotonic`: the server has said so. */
  notBefore: number
}

export const has = ({ extensions }: Capabilities, extension: Extension) => extensions.has(extension)

/** Whether an upload of this length can be created at all. */
export const accepts = (url: string, known: Capabilities, length: Option.Option<number>) =>
  !has(known, "creation")
    ? Either.left(new Unsupported({ url, extension: "creation", detail: "uploads have to be created in another way" }))
    : Option.isNone(length) && !has(known, "creation-defer-length")
    ? Either.left(
      new Unsupported({ url, extension: "creation-defer-length", detail: "the length has to be known from the start" })
    )
    : Option.isSome(length) && Option.isSome(known.maxSize) && length.value > known.maxSize.value
    ? Either.left(new TooLarge({ url, length: length.value, limit: known.maxSize.value }))
    : Either.right(undefined)

/** @param limit - bytes that a request should bring at most from the start. */
export const make = (url: string, limit = Number.POSITIVE_INFINITY): Endpoint => {
  const asking = Effect.unsafeMakeSemaphore(1)
  let known: Capabilities | undefined
  return {
    url,
    capabilities: (discover) =>
      Effect.suspend(() => {
        const ask = Effect.suspend(() =>
          known === undefined
            ? Effect.tap(
              Effect.map(Effect.catchIf(discover, saysNothing, () => Effect.succeedNone), capabilitiesOf),
              (capabilities) => Effect.sync(() => known = capabilities)
            )
            : Effect.succeed(known)
        )
        return known === undefined ? asking.withPermits(1)(ask) : Effect.succeed(known)
      }),
    limit,
    notBefore: -Infinity
  }
}

/** There are servers, and things in front of them, that do not know OPTIONS: the creation tells more. */
const saysNothing = (error: RequestError) =>
  error._tag === "Refused" && error.status < 500 && ![401, 408, 423, 425, 429].includes(error.status)

const capabilitiesOf = (said: Option.Option<Options.Response>): Capabilities =>
  Option.match(said, {
    onNone: () => ({ extensions: new Set(["creation"]), algorithms: [], maxSize: Option.none() }),
    onSome: ({ algorithms, extensions, maxSize }) => ({
      extensions: new Set(Option.getOrElse(extensions, () => [])),
      algorithms: Option.getOrElse(algorithms, () => []),
      maxSize
    })
  })
