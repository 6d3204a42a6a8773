/**
 * A log line for each answered request, with its outcome as annotations.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Monotonic from "../../time/Monotonic.js"
import * as TusObserver from "../hooks/TusObserver.js"
import * as LogText from "../policy/LogText.js"

const observer: TusObserver.Observer = (exchange, answer) =>
  Effect.flatMap(
    Monotonic.millis,
    (begun) =>
      Effect.tap(answer(exchange), ({ headers, outcome, status }) =>
        Effect.flatMap(Monotonic.millis, (now) => {
          const { request } = exchange
          return Effect.log(`${LogText.nameOf(request)} ${status}`).pipe(
            Effect.annotateLogs({
              method: LogText.printable(request.method),
              status,
              outcome,
              millis: Math.round(now - begun),
              upload: idOf(headers["location"] ?? request.url),
              ...(headers["upload-offset"] === undefined ? {} : { offset: Number(headers["upload-offset"]) }),
              ...(request.remoteAddress === undefined ? {} : { peer: request.remoteAddress })
            })
          )
        }))
  )

/** Logs each request at level Info. The query of a URL, which may be a signature, is left out. */
export const layer: Layer.Layer<TusObserver.TusObserver> = TusObserver.layer(Effect.succeed(observer))

/** The last segment of the path, which is the id of an upload in most requests. */
const idOf = (url: string) => LogText.pathOf(url).split("/").at(-1) ?? ""
