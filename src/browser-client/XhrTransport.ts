/**
 * Requests over XMLHttpRequest: of all that a browser has, it alone tells how much of a body has left.
 *
 * @see https://xhr.spec.whatwg.org
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BufferedBody from "../client/transport/BufferedBody.js"
import { isTaken, maxText, type Request, TransportError, TusTransport } from "../client/transport/TusTransport.js"
import type { RawResponse } from "../wire/Message.js"
import * as Online from "./Online.js"

/** Also those of `FetchTransport`. */
export interface Options {
  /** Sends cookies to servers of other origins, which have to allow it. Not by default. */
  readonly credentials?: boolean | undefined
}

/** Trailers cannot be sent. A request under way fails at once when the browser goes offline. */
export const layer = (options: Options = {}): Layer.Layer<TusTransport> =>
  Layer.succeed(TusTransport, BufferedBody.transport((request, body) => exchange(request, options, body)))

const exchange = (
  { headers, method, onSent, url }: Request,
  { credentials = false }: Options,
  body: Uint8Array<ArrayBuffer> | undefined
) =>
  Effect.async<RawResponse, TransportError>((resume) => {
    const xhr = new XMLHttpRequest()
    let sent = 0
    const report = (loaded: number) => {
      if (loaded > sent) {
        onSent?.(loaded - sent)
        sent = loaded
      }
    }
    let isOver = false
    const end = () => {
      isOver = true
      ignoreOffline()
      xhr.abort()
    }
    const fail = (reason: TransportError["reason"], cause: unknown) => {
      end()
      resume(new TransportError({ reason, cause }))
    }
    const lose = (says: string) => {
      Online.report(false)
      fail(sent > 0 ? "Closed" : "Unreachable", new Error(says))
    }
    const ignoreOffline = Online.once("offline", () => lose("the browser went offline"))
    xhr.upload.addEventListener("progress", ({ loaded }) => report(loaded))
    xhr.addEventListener("load", () => {
      ignoreOffline()
      Online.report(true)
      // Who takes a body has read all of it; whoever refuses it may have answered long before its end.
      if (isTaken(xhr.status)) {
        report(body?.length ?? 0)
      }
      resume(Effect.succeed(answerOf(xhr)))
    })
    // Whoever has ended it here needs not be told.
    Object.entries(endings).forEach(([event, says]) => xhr.addEventListener(event, () => isOver || lose(says)))
    try {
      xhr.open(method, url)
      xhr.withCredentials = credentials
      Object.entries(headers).forEach(([name, value]) => xhr.setRequestHeader(name, value))
      xhr.send(body)
    } catch (cause) {
      fail("Invalid", cause)
    }
    return Effect.sync(end)
  })

/**
 * How a request ends without an answer. A browser keeps to itself whether nobody was there, the connection broke, or
 * the server lets no such page look; the others are of somebody else in the page, who has wrapped or patched
 * XMLHttpRequest.
 */
const endings = {
  error: "no answer, or none that this page may see",
  abort: "something in this page has ended the request",
  timeout: "something in this page has given the request too little time"
}

const answerOf = (xhr: XMLHttpRequest): RawResponse => ({
  status: xhr.status,
  headers: headersOf(xhr.getAllResponseHeaders()),
  ...(xhr.responseText === "" ? {} : { body: xhr.responseText.slice(0, maxText) })
})

/** One a line, by lower-case name. */
const headersOf = (lines: string): Record<string, string> =>
  Object.fromEntries(
    lines.split("\r\n").filter((line) => line.includes(":")).map((line) => {
      const [name = "", ...value] = line.split(":")
      return [name.trim().toLowerCase(), value.join(":").trim()]
    })
  )
