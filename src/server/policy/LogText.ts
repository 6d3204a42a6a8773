/**
 * What comes from outside as a log may say it: on one line, with nothing that a terminal obeys, and without what a URL
 * says behind its path, which may be a signature, and so as good as the upload. Pure.
 */
import type { RawRequest } from "../../wire/Message.js"

/** What of a request an error may repeat. */
export type Told = Pick<RawRequest, "headers" | "url">

/** Of no request. */
export const nothing: Told = { headers: {}, url: "" }

/** Characters of control and of direction, and those that end a line, are shown as U+FFFD. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "\ufffd")

export const pathOf = (url: string): string => printable(url.replace(/[?#].*$/s, ""))

/** A request in two words. */
export const nameOf = ({ method, url }: Pick<RawRequest, "method" | "url">): string =>
  `${printable(method)} ${pathOf(url)}`

/** Why a request failed: the error itself, unless it repeats what came with the request, as those of a hook may. */
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
