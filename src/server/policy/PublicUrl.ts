/**
 * Where clients see the server: the text before the path of a collection in `Location`. Empty by default, since a path
 * is right wherever the request came from. Pure.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { RawRequest } from "../../wire/Message.js"
import * as AddressRange from "./AddressRange.js"
import * as Forwarded from "./Forwarded.js"
import { OptionError } from "./OptionError.js"

export interface Options {
  /**
   * The URL before the path of the collection: `https://example.org`, or `https://example.org/api` if a proxy removes
   * `/api`. By default `Location` is a path.
   */
  readonly publicUrl?: string | undefined
  /**
   * The addresses of the proxies in front, such as `10.0.0.0/8` or `::1`. If `publicUrl` is not given, their
   * `Forwarded` and `X-Forwarded-Proto`, `-Host`, `-Port` and `-Prefix` headers are believed, and nobody else's. The
   * proxies have to set these headers or to remove them: a header that they pass on from a client is taken for theirs.
   */
  readonly trustedProxies?: ReadonlyArray<string> | undefined
}

/** The text before the path for the client of a request: an origin, a path, both or neither. No slash at its end. */
export type BaseOf = (request: RawRequest) => string

export const make = ({ publicUrl, trustedProxies = [] }: Options): Either.Either<BaseOf, OptionError> =>
  Either.gen(function*() {
    const ranges = yield* Either.all(trustedProxies.map(readRange))
    if (publicUrl !== undefined) {
      const base = yield* readUrl(publicUrl)
      return () => base
    }
    const isTrusted = (text: string) =>
      Option.exists(
        AddressRange.parseAddress(text),
        (address) => ranges.some((range) => AddressRange.includes(range, address))
      )
    const base: BaseOf = ({ headers, remoteAddress }) =>
      remoteAddress !== undefined && isTrusted(remoteAddress) ? told(headers, isTrusted) : ""
    return ranges.length === 0 ? () => "" : base
  })

type Headers = RawRequest["headers"]

/**
 * Scheme and host count only together, otherwise an absolute URL would be a guess. If the two kinds of headers
 * contradict each other, one of them was passed on from a client, and neither counts.
 */
const told = (headers: Headers, isTrusted: (address: string) => boolean): string => {
  const older = olderOf(headers)
  const newer = headers["forwarded"] === undefined ? older : newerOf(headers["forwarded"], isTrusted)
  const scheme = agreed(newer.scheme, older.scheme)
  const host = agreed(newer.host, older.host)
  const prefix = readPrefix(Forwarded.lastOf(headers["x-forwarded-prefix"])) ?? ""
  return scheme === undefined || host === undefined ? prefix : `${scheme}://${host}${prefix}`
}

interface Seen {
  readonly scheme: string | undefined
  readonly host: string | undefined
}

/** From the element that the outermost trusted proxy added. */
const newerOf = (header: string, isTrusted: (address: string) => boolean): Seen => {
  const elements = Option.getOrElse(Forwarded.parse(header), (): ReadonlyArray<Forwarded.Element> => [])
  const lastUntrusted = elements.findLastIndex((element) =>
    !Option.exists(Forwarded.addressOf(element.get("for") ?? ""), isTrusted)
  )
  const ours = elements.slice(Math.max(0, lastUntrusted))
  const scheme = ours.map((element) => readScheme(element.get("proto"))).find((scheme) => scheme !== undefined)
  return {
    scheme,
    host: ours.map((element) => readHost(element.get("host"), undefined, scheme)).find((host) => host !== undefined)
  }
}

const olderOf = (headers: Headers): Seen => {
  const scheme = readScheme(Forwarded.lastOf(headers["x-forwarded-proto"]))
  return {
    scheme,
    host: readHost(
      Forwarded.lastOf(headers["x-forwarded-host"]),
      Forwarded.lastOf(headers["x-forwarded-port"]),
      scheme
    )
  }
}

const agreed = (one: string | undefined, other: string | undefined) =>
  one === undefined || other === undefined || one === other ? one ?? other : undefined

const readScheme = (text: string | undefined) => {
  const scheme = text?.toLowerCase()
  return scheme === "http" || scheme === "https" ? scheme : undefined
}

/** With its port, unless it is the default port of the scheme. */
const readHost = (text: string | undefined, otherPort: string | undefined, scheme: string | undefined) => {
  const [, name, ownPort] = /^([\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])(?::(\d{1,5}))?$/i.exec(text ?? "") ?? []
  const port = ownPort ?? (/^\d{1,5}$/.test(otherPort ?? "") ? otherPort : undefined)
  const host = `${name?.toLowerCase()}${port === undefined || port === defaultPorts[scheme ?? ""] ? "" : `:${port}`}`
  return name !== undefined && URL.canParse(`http://${host}`) ? host : undefined
}

const defaultPorts: Readonly<Record<string, string | undefined>> = { http: "80", https: "443" }

const readPrefix = (text: string | undefined) =>
  /^(?:\/[\w!$&'()*+:;=@~.%-]+)+\/?$/.test(text ?? "") ? text?.replace(/\/$/, "") : undefined

const readRange = (text: string): Either.Either<AddressRange.AddressRange, OptionError> =>
  Either.fromOption(
    AddressRange.parse(text),
    () =>
      new OptionError({
        option: "trustedProxies",
        expected: "IP addresses and ranges such as 10.0.0.0/8 or fd00::/8",
        actual: text
      })
  )

const readUrl = (text: string): Either.Either<string, OptionError> => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol)
      && `${url.username}${url.password}${url.search}${url.hash}` === ""
    ? Either.right(`${url.origin}${url.pathname.replace(/\/+$/, "")}`)
    : Either.left(
      new OptionError({
        option: "publicUrl",
        expected: "a URL such as https://example.org or https://example.org/api",
        actual: text
      })
    )
}
