/**
 * Requests over XMLHttpRequest, which alone reports how much of a body was sent.
 *
 * @see https://xhr.spec.whatwg.org
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BufferedBody from "../client/transport/BufferedBody.js"
import { isTaken, maxText, type Request, TransportError, TusTransport } from "../client/transport/TusTransport.js"
import type { RawResponse } from "../wire/Message.js"
import * as Online from "./Online.js"

/** Options of `XhrTransport` and `FetchTransport`. */
export interface Options {
  /** Sends cookies to servers of other origins, which must allow it. False by default. */
  readonly credentials?: boolean | undefined
}

/** Cannot send trailers. When the browser goes offline, running requests fail at once. */
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
      // A server that accepts a body has read all of it. One that refuses it may have answered earlier.
      if (isTaken(xhr.status)) {
        report(body?.length ?? 0)
      }
      resume(Effect.succeed(answerOf(xhr)))
    })
    // A request that was ended here fires `abort`, too.
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
 * The reasons of a request without a response. On `error` a browser does not tell a refused or broken connection from a
 * response that CORS hides. The others are caused by code in the page that wraps XMLHttpRequest.
 */
const endings = {
  error: "no response, or CORS hides it from this page",
  abort: "other code in this page has ended the request",
  timeout: "other code in this page has set a time limit for the request"
}

const answerOf = (xhr: XMLHttpRequest): RawResponse => ({
  status: xhr.status,
  headers: headersOf(xhr.getAllResponseHeaders()),
  ...(xhr.responseText === "" ? {} : { body: xhr.responseText.slice(0, maxText) })
})

/** The headers by lower-case name; `lines` has one in each line. */
const headersOf = (lines: string): Record<string, string> =>
  Object.fromEntries(
    lines.split("\r\n").filter((line) => line.includes(":")).map((line) => {
      const [name = "", ...value] = line.split(":")
      return [name.trim().toLowerCase(), value.join(":").trim()]
    })
  )
