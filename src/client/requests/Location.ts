/**
 * Whether the URL of a new upload can be trusted, and whether the application's headers are sent there. Pure.
 */
import * as Either from "effect/Either"
import { ForeignLocation } from "../transport/TusError.js"

export interface Location {
  readonly url: string
  /** The origin is not that of the endpoint: the application's headers are not sent to it. */
  readonly crossOrigin: boolean
}

/** Whether both URLs have the same origin, and so the same headers of the application. */
export const isSameOrigin = (endpoint: string, url: string) =>
  endpoint === url || new URL(endpoint).origin === new URL(url).origin

/** The URL as it is sent to the server of the endpoint: its own URLs as a path, which is shorter. */
export const shorten = (endpoint: string, url: string): string => {
  const { pathname, search } = new URL(url)
  return isSameOrigin(endpoint, url) ? `${pathname}${search}` : url
}

/**
 * Checks the `Location` of a new upload. A server behind a proxy that ends TLS often does not know that it is reached
 * by https. So `http:` on the same host counts as the endpoint's own `https:` URL.
 */
export const check = (
  endpoint: string,
  location: string,
  allowedHosts: ReadonlyArray<string>
): Either.Either<Location, ForeignLocation> => {
  const from = new URL(endpoint)
  const to = new URL(location)
  if (from.protocol === "https:" && to.protocol === "http:" && from.hostname === to.hostname && to.port === "") {
    to.protocol = "https:"
    to.port = from.port
  }
  const crossOrigin = from.origin !== to.origin
  return (to.protocol === "http:" || to.protocol === "https:") && (!crossOrigin || allowedHosts.includes(to.host))
    ? Either.right({ url: to.href, crossOrigin })
    : Either.left(new ForeignLocation({ url: endpoint, location }))
}
