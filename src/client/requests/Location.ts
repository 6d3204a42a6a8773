/**
 * Whether the server may send an upload where it does, and with what. Pure.
 */
import * as Either from "effect/Either"
import { ForeignLocation } from "../transport/TusError.js"

export interface Location {
  readonly url: string
  /** On another host or port than the endpoint: the application's headers are not meant for it. */
  readonly crossOrigin: boolean
}

/** Whether the application's headers for the one are meant for the other. */
export const isSameOrigin = (endpoint: string, url: string) => new URL(endpoint).origin === new URL(url).origin

/** The URL as the server of the endpoint is told it: a path where it is its own, which is shorter. */
export const shorten = (endpoint: string, url: string): string => {
  const { pathname, search } = new URL(url)
  return isSameOrigin(endpoint, url) ? `${pathname}${search}` : url
}

/**
 * A server behind a proxy that ends TLS often does not know that it is reached by https: its own host is not taken for
 * a foreign one, and never reached by less.
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
