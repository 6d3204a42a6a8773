/**
 * Requests over fetch, for service workers, which have nothing else. A body counts as sent when its answer is there.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Gathered from "../client/Gathered.js"
import { maxText, type Request, TransportError, TusTransport } from "../client/TusTransport.js"
import * as Watch from "../client/Watch.js"
import type { RawResponse } from "../protocol/Reply.js"

export interface Options {
  /** Sends cookies to servers of other origins, which have to allow it. Not by default. */
  readonly credentials?: boolean | undefined
}

/** Trailers cannot be sent. */
export const layer = (options: Options = {}): Layer.Layer<TusTransport> =>
  Layer.succeed(TusTransport, {
    trailers: false,
    bodyLimit: Gathered.limit,
    send: (request) => Watch.watched(request, (request) => send(request, options))
  })

const send = ({ body, headers, method, onSent, url }: Request, { credentials = false }: Options) =>
  Effect.flatMap(body === undefined ? Effect.succeed(undefined) : Gathered.gather(body), (bytes) =>
    Effect.tryPromise({
      try: async (signal): Promise<RawResponse> => {
        const response = await globalThis.fetch(url, {
          method,
          headers,
          signal,
          credentials: credentials ? "include" : "same-origin",
          ...(bytes === undefined ? {} : { body: bytes })
        })
        const text = await response.text()
        onSent?.(bytes?.length ?? 0)
        return {
          status: response.status,
          headers: Object.fromEntries(response.headers),
          ...(text === "" ? {} : { body: text.slice(0, maxText) })
        }
      },
      catch: (cause) => new TransportError({ reason: "Unreachable", cause })
    }))
