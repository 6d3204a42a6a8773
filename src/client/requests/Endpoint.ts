/**
 * What all uploads to an endpoint know of it: what the server supports, asked once; how many bytes it accepts at a
 * time; and until when it wants no requests.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as DiscoveryHeaders from "../../wire/tus/DiscoveryHeaders.js"
import type { Extension } from "../../wire/tus/Extension.js"
import { type RequestError, TooLarge, Unsupported } from "../transport/TusError.js"

export interface Capabilities {
  /** The server has declared what it supports. If not, that is found out by trying. */
  readonly isDeclared: boolean
  readonly extensions: ReadonlySet<string>
  readonly algorithms: ReadonlyArray<string>
  /** In bytes. */
  readonly maxSize: Option.Option<number>
}

export interface Endpoint {
  readonly url: string
  /** What the server supports, asked once. A server that does not say supports the core protocol and creation. */
  readonly capabilities: (
    discover: Effect.Effect<Option.Option<DiscoveryHeaders.Response>, RequestError>
  ) => Effect.Effect<Capabilities, RequestError>
  /** What is known so far, without asking. */
  readonly known: () => Capabilities
  /** The server answers, but has not declared what it supports: it is not asked again. */
  readonly assume: () => void
  /** Bytes that one request may carry, as far as is known. */
  limit: number
  /** Bytes that a creation may carry; fewer after a creation was cut off. */
  creationLimit: number
  /** The server wants no request before this time, in milliseconds of `Monotonic`. */
  notBefore: number
}

/** The server has the extension. */
export const has = ({ extensions }: Capabilities, extension: Extension) => extensions.has(extension)

/** The server has declared its extensions, and this is not one of them. */
export const lacks = ({ extensions, isDeclared }: Capabilities, extension: Extension) =>
  isDeclared && !extensions.has(extension)

/** Whether an upload of this length can be created at all. */
export const accepts = (url: string, known: Capabilities, length: Option.Option<number>) =>
  lacks(known, "creation")
    ? Either.left(
      new Unsupported({
        url,
        extension: "creation",
        detail: "the server creates no uploads; give the URL of an upload"
      })
    )
    : Option.isNone(length) && lacks(known, "creation-defer-length")
    ? Either.left(
      new Unsupported({
        url,
        extension: "creation-defer-length",
        detail: "the server needs the length first; upload a source of known length"
      })
    )
    : Option.isSome(length) && Option.isSome(known.maxSize) && length.value > known.maxSize.value
    ? Either.left(new TooLarge({ url, length: length.value, limit: known.maxSize.value }))
    : Either.right(undefined)

/** @param limit - bytes that a request may carry at first */
export const make = (url: string, limit = Number.POSITIVE_INFINITY): Endpoint => {
  const turns = Effect.unsafeMakeSemaphore(1)
  let known: Capabilities | undefined
  return {
    url,
    capabilities: (discover) => {
      const ask = Effect.suspend(() =>
        known === undefined
          ? Effect.tap(
            Effect.map(Effect.catchIf(discover, isUndeclared, () => Effect.succeedNone), capabilitiesOf),
            (capabilities) => Effect.sync(() => known = capabilities)
          )
          : Effect.succeed(known)
      )
      return known === undefined ? turns.withPermits(1)(ask) : Effect.succeed(known)
    },
    known: () => known ?? undeclared,
    assume: () => {
      known ??= undeclared
    },
    limit,
    creationLimit: Number.POSITIVE_INFINITY,
    notBefore: -Infinity
  }
}

/** Some servers and proxies do not support OPTIONS. Then the creation shows what works. */
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
