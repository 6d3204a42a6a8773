/**
 * CORS for tus, as a pure function. Errors get CORS headers too, and every header of the protocol is allowed and
 * exposed. Put no other CORS middleware in front: `HttpMiddleware.cors` answers every OPTIONS itself, and so hides what
 * the server can do. If the rest of an application needs one, `TusHttp.except` keeps it away from the uploads.
 *
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import type { Dialect } from "../../wire/Dialect.js"
import type { RawRequest } from "../../wire/Message.js"
import { OptionError } from "./OptionError.js"

export interface Options {
  /**
   * The origins whose pages may use the server: `"*"` for all, which is the default; a list of origins such as
   * `https://example.org` and of patterns that must match the whole origin; or a function that is asked about each
   * origin.
   */
  readonly origins?: "*" | ReadonlyArray<string | RegExp> | ((origin: string) => boolean) | undefined
  /** Whether pages may send cookies and other credentials. False by default; if true, `origins` has to name them. */
  readonly credentials?: boolean | undefined
  /** Headers that pages may send, besides those of tus, `Authorization`, `X-Request-ID` and `X-Requested-With`. */
  readonly allowedHeaders?: ReadonlyArray<string> | undefined
  /** Headers of answers that pages may read, besides those of tus. */
  readonly exposedHeaders?: ReadonlyArray<string> | undefined
  /** How long a browser may cache the answer to a preflight. Most browsers have a lower maximum. One day by default. */
  readonly maxAge?: Duration.DurationInput | undefined
}

/** Fields of HTTP that pages need, in addition to those of the dialect. */
const common: Dialect["fields"] = {
  request: ["Authorization", "Content-Type", "X-Request-ID", "X-Requested-With"],
  response: ["Accept-Encoding", "Location", "Retry-After"]
}

export interface Cors {
  /** The headers to add to an answer. */
  readonly headersOf: (request: RawRequest) => Readonly<Record<string, string>>
  /** The headers to add if the request could not be read, so that its origin is not known. */
  readonly anonymous: Readonly<Record<string, string>>
}

/** @param fields - of the dialect whose messages pages send and read. */
export const make = (options: Options = {}, fields: Dialect["fields"]): Either.Either<Cors, OptionError> =>
  Either.gen(function*() {
    const { credentials = false, maxAge = "1 day" } = options
    const isAllowed = yield* readOrigins(options.origins ?? "*", credentials)
    const allowedHeaders = yield* readNames("cors.allowedHeaders", options.allowedHeaders)
    const exposedHeaders = yield* readNames("cors.exposedHeaders", options.exposedHeaders)
    const requestFields = [...common.request, ...fields.request].toSorted()
    const responseFields = [...common.response, ...fields.response].toSorted()
    const isSame = isAllowed === anybody
    const always: Readonly<Record<string, string>> = isSame ? {} : { vary: "Origin" }
    const forAll = credentials ? { ...always, "access-control-allow-credentials": "true" } : always
    const forPreflight = {
      ...forAll,
      "access-control-allow-methods": "OPTIONS, POST, HEAD, PATCH, DELETE",
      "access-control-allow-headers": [...requestFields, ...allowedHeaders].join(", "),
      "access-control-max-age": String(Math.floor(Duration.toSeconds(maxAge)))
    }
    const forOthers = { ...forAll, "access-control-expose-headers": [...responseFields, ...exposedHeaders].join(", ") }
    return {
      anonymous: isSame ? { "access-control-allow-origin": "*" } : {},
      headersOf: ({ headers, method }) => {
        const { origin } = headers
        if (origin === undefined || !isAllowed(origin)) {
          return always
        }
        const isPreflight = method === "OPTIONS" && headers["access-control-request-method"] !== undefined
        return { "access-control-allow-origin": isSame ? "*" : origin, ...(isPreflight ? forPreflight : forOthers) }
      }
    }
  })

type IsAllowed = (origin: string) => boolean

const anybody: IsAllowed = () => true

const readOrigins = (
  origins: NonNullable<Options["origins"]>,
  credentials: boolean
): Either.Either<IsAllowed, OptionError> => {
  if (typeof origins === "function") {
    return Either.right(origins)
  }
  if (origins === "*") {
    return credentials ? Either.left(unnamed(origins)) : Either.right(anybody)
  }
  const texts = origins.filter((origin) => typeof origin === "string")
  const patterns = origins.filter((origin) => origin instanceof RegExp)
  const wrong = texts.find((text) => !isOrigin(text))
  if (wrong !== undefined) {
    return Either.left(
      new OptionError({
        option: "cors.origins",
        expected: "origins such as https://example.org, with no slash at the end; a pattern is a RegExp",
        actual: wrong
      })
    )
  }
  const lax = credentials
    ? patterns.find((pattern) => strangers.some((origin) => whole(pattern).test(origin)))
    : undefined
  if (lax !== undefined) {
    return Either.left(unnamed(String(lax)))
  }
  const wholes = patterns.map(whole)
  return Either.right((origin) => texts.includes(origin) || wholes.some((pattern) => pattern.test(origin)))
}

/** Browsers refuse `*` with credentials: it would let every page act for its visitors. */
const unnamed = (actual: string) =>
  new OptionError({
    option: "cors.origins",
    expected: "whose pages may send cookies, by name, where cors.credentials is true; a function may allow any",
    actual
  })

/**
 * Origins that nobody means: a pattern that matches one of them matches everybody. Any page can give itself the origin
 * `null`.
 */
const strangers = [
  "null",
  ...["https://", "http://"].flatMap((scheme) =>
    ["stranger.invalid", "www.stranger.invalid", "stranger.com", "www.stranger.com:8443", "203.0.113.7"].map((host) =>
      `${scheme}${host}`
    )
  )
]

/** Origins of other schemes, such as those of browser extensions and apps, are taken as they are. */
const isOrigin = (text: string) =>
  /^https?:/i.test(text)
    ? URL.canParse(text) && new URL(text).origin === text && !text.includes("*")
    : /^[a-z][\w+.-]*:\/\/[^\s/?#*]+$/i.test(text)

/** A pattern that finds `example.org` anywhere also finds it in `https://example.org.evil.net`. */
const whole = ({ flags, source }: RegExp) => new RegExp(`^(?:${source})$`, flags.replace(/[gy]/g, ""))

const readNames = (
  option: "cors.allowedHeaders" | "cors.exposedHeaders",
  names: ReadonlyArray<string> = []
): Either.Either<ReadonlyArray<string>, OptionError> => {
  const wrong = names.find((name) => !/^[\w!#$%&'*+.^`|~-]+$/.test(name))
  return wrong === undefined
    ? Either.right(names)
    : Either.left(new OptionError({ option, expected: "names of headers", actual: wrong }))
}
