/**
 * What is known of an endpoint, by all uploads to it: what the server can do, asked once; how much it takes at a time,
 * learnt; and until when it wants to be left alone.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as DiscoveryHeaders from "../../wire/tus/DiscoveryHeaders.js"
import type { Extension } from "../../wire/tus/Extension.js"
import { type RequestError, TooLarge, Unsupported } from "../transport/TusError.js"

export interface Capabilities {
  /** The server has said what it can do; else that is found out by trying. */
  readonly told: boolean
  readonly extensions: ReadonlySet<string>
  readonly algorithms: ReadonlyArray<string>
  /** In bytes. */
  readonly maxSize: Option.Option<number>
}

export interface Endpoint {
  readonly url: string
  /**
   * What the server can do, asked once. One that does not say can do what the protocol asks of all, and create uploads.
   */
  readonly capabilities: (
    discover: Effect.Effect<Option.Option<DiscoveryHeaders.Response>, RequestError>
  ) => Effect.Effect<Capabilities, RequestError>
  /** As far as was asked. */
  readonly known: () => Capabilities
  /** The server answers, though it may not be asked what it can do: where it has not said so, it is not asked again. */
  readonly presume: () => void
  /** Bytes that one request may bring, as far as is known. */
  limit: number
  /** Bytes that may come along with a creation: where those broke off, fewer. */
  along: number
  /** No request before this time, in milliseconds of `Monotonic`: the server has said so. */
  notBefore: number
}

/** It is sure to have it. */
export const has = ({ extensions }: Capabilities, extension: Extension) => extensions.has(extension)

/** It has said that it does not have it. */
export const lacks = ({ extensions, told }: Capabilities, extension: Extension) => told && !extensions.has(extension)

/** Whether an upload of this length can be created at all. */
export const accepts = (url: string, known: Capabilities, length: Option.Option<number>) =>
  lacks(known, "creation")
    ? Either.left(new Unsupported({ url, extension: "creation", detail: "uploads have to be created in another way" }))
    : Option.isNone(length) && lacks(known, "creation-defer-length")
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
    known: () => known ?? untold,
    presume: () => {
      known ??= untold
    },
    limit,
    along: Number.POSITIVE_INFINITY,
    notBefore: -Infinity
  }
}

/** There are servers, and things in front of them, that do not know OPTIONS: the creation tells more. */
const saysNothing = (error: RequestError) =>
  error._tag === "Refused" && (error.status < 500 || error.status === 501)
  && ![401, 408, 423, 425, 429].includes(error.status)

const untold: Capabilities = {
  told: false,
  extensions: new Set(["creation"]),
  algorithms: [],
  maxSize: Option.none()
}

const capabilitiesOf = (said: Option.Option<DiscoveryHeaders.Response>): Capabilities =>
  Option.match(said, {
    onNone: () => untold,
    onSome: ({ algorithms, extensions, maxSize }) => ({
      told: true,
      extensions: new Set(Option.getOrElse(extensions, () => [])),
      algorithms: Option.getOrElse(algorithms, () => []),
      maxSize
    })
  })
