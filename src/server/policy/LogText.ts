/**
 * Text from outside, made safe for a log: one line, no control characters, and no query of a URL, which may be a
 * signature and so as good as the upload. Pure.
 */
import type { RawRequest } from "../../wire/Message.js"

/** The parts of a request that an error may quote. */
export type Told = Pick<RawRequest, "headers" | "url">

/** For an error without a request. */
export const nothing: Told = { headers: {}, url: "" }

/** Control characters, direction characters and line ends become U+FFFD. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "\ufffd")

export const pathOf = (url: string): string => printable(url.replace(/[?#].*$/s, ""))

/** The method and the path. */
export const nameOf = ({ method, url }: Pick<RawRequest, "method" | "url">): string =>
  `${printable(method)} ${pathOf(url)}`

/** The error of a request. If it quotes the query of the request, as errors of hooks may, a copy without it. */
export const errorOf = ({ headers, url }: Told, error: unknown): unknown => {
  const queries = [url, ...(headers["upload-concat"] ?? "").split(" ")].flatMap((url) => /[?#].+$/s.exec(url) ?? [])
  const clean = (text: string) =>
    queries.reduce((text, query) => text.replaceAll(query, ""), text).split("\n").map(printable).join("\n")

  const copy = (error: unknown): unknown => {
    if (!(error instanceof Error)) {
      return typeof error === "string" ? clean(error) : error
    }
    const cause = copy(error.cause)
    const { message, stack = message } = error
    if (cause === error.cause && clean(message) === message && clean(stack) === stack) {
      return error
    }
    const safe = new Error(clean(message), { cause })
    safe.name = error.name
    safe.stack = clean(stack)
    return safe
  }
  return copy(error)
}
