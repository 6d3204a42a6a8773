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
  readonly isDeclared: boolean
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
  /** The server answers, though it may not say what it can do: it is not asked again. */
  readonly assume: () => void
  /** Bytes that one request may bring, as far as is known. */
  limit: number
  /** Bytes that a creation may carry: fewer after a creation broke off. */
  creationLimit: number
  /** No request before this time, in milliseconds of `Monotonic`: the server has said so. */
  notBefore: number
}

/** The server has the extension. */
export const has = ({ extensions }: Capabilities, extension: Extension) => extensions.has(extension)

/** The server has said that it does not have the extension. */
export const lacks = ({ extensions, isDeclared }: Capabilities, extension: Extension) =>
  isDeclared && !extensions.has(extension)

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
  const turns = Effect.unsafeMakeSemaphore(1)
  let known: Capabilities | undefined
  return {
    url,
    capabilities: (discover) =>
      Effect.suspend(() => {
        const ask = Effect.suspend(() =>
          known === undefined
            ? Effect.tap(
              Effect.map(Effect.catchIf(discover, isUndeclared, () => Effect.succeedNone), capabilitiesOf),
              (capabilities) => Effect.sync(() => known = capabilities)
            )
            : Effect.succeed(known)
        )
        return known === undefined ? turns.withPermits(1)(ask) : Effect.succeed(known)
      }),
    known: () => known ?? undeclared,
    assume: () => {
      known ??= undeclared
    },
    limit,
    creationLimit: Number.POSITIVE_INFINITY,
    notBefore: -Infinity
  }
}

/** There are servers, and things in front of them, that do not know OPTIONS: the creation tells more. */
const isUndeclared = (error: RequestError) =>
  error._tag === "Refused" && (error.status < 500 || error.status === 501)
  && ![401, 408, 423, 425, 429].includes(error.status)

const undeclared: Capabilities = {
  isDeclared: false,
  extensions: new Set(["creation"]),
  algorithms: [],
  maxSize: Option.none()
}

const capabilitiesOf = (response: Option.Option<DiscoveryHeaders.Response>): Capabilities =>
  Option.match(response, {
    onNone: () => undeclared,
    onSome: ({ algorithms, extensions, maxSize }) => ({
      isDeclared: true,
      extensions: new Set(Option.getOrElse(extensions, () => [])),
      algorithms: Option.getOrElse(algorithms, () => []),
      maxSize
    })
  })
