/**
 * Requests over fetch, for service workers, which have no XMLHttpRequest. A body counts as sent when the server has
 * accepted it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BufferedBody from "../client/transport/BufferedBody.js"
import * as Sendable from "../client/transport/Sendable.js"
import { isTaken, maxText, type Request, TransportError, TusTransport } from "../client/transport/TusTransport.js"
import type { RawResponse } from "../wire/Message.js"
import * as Online from "./Online.js"
import type { Options } from "./XhrTransport.js"

/** Cannot send trailers. */
export const layer = (options: Options = {}): Layer.Layer<TusTransport> =>
  Layer.succeed(TusTransport, BufferedBody.transport((request, bytes) => send(request, options, bytes)))

const send = (
  { headers, method, onSent, url }: Request,
  { credentials = false }: Options,
  bytes: Uint8Array<ArrayBuffer> | undefined
) =>
  Effect.flatMap(
    Effect.try({
      try: () =>
        new globalThis.Request(url, {
          method,
          headers,
          credentials: credentials ? "include" : "same-origin",
          ...(bytes === undefined ? {} : { body: bytes })
        }),
      catch: Sendable.invalid
    }),
    (request) =>
      Effect.tryPromise({
        try: async (signal): Promise<RawResponse> => {
          const response = await globalThis.fetch(request, { signal })
          Online.report(true)
          const text = await response.text()
          if (isTaken(response.status)) {
            onSent?.(bytes?.length ?? 0)
          }
          return {
            status: response.status,
            headers: Object.fromEntries(response.headers),
            ...(text === "" ? {} : { body: text.slice(0, maxText) })
          }
        },
        catch: (cause) => {
          Online.report(false)
          return new TransportError({ reason: "Unreachable", cause })
        }
      })
  )
