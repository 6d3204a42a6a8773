/**
 * A span for each request that concerns an upload. All spans of an upload are in one trace, also if several processes
 * served it: the id of the trace is computed from the id of the upload, so it is stored nowhere. Nothing is traced by
 * default.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Tracer from "effect/Tracer"
import type { UploadId } from "../../protocol/Upload.js"
import type { RawRequest } from "../../wire/Message.js"
import * as LogText from "../policy/LogText.js"
import type { Intent } from "./UploadHooks.js"

/** Wraps each request that concerns an upload: `traced` runs `self` and ends as it ends. */
export interface Tracing {
  readonly traced: <A, E, R>(
    intent: Intent,
    id: UploadId,
    request: RawRequest,
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
}

/** Runs requests without spans by default. Provide `layer` to the server. */
export class TusTracing extends Context.Reference<TusTracing>()("effect-tus/TusTracing", {
  defaultValue: (): Tracing => ({ traced: (_intent, _id, _request, self) => self })
}) {}

/** Uses the tracer of the context. The span that a client names in `traceparent` becomes a link. */
export const layer: Layer.Layer<TusTracing> = Layer.succeed(TusTracing, {
  traced: (intent, id, request, self) =>
    Effect.withSpan(told(request, self) as Effect.Effect<never>, `tus ${intent}`, {
      kind: "server",
      parent: parentOf(id),
      links: linksOf(request.headers["traceparent"]),
      attributes: { "tus.upload.id": id, "http.request.method": LogText.printable(request.method) }
    })
})

/** A span keeps the defect of its request, without the query of the URL. */
const told = <A, E, R>(request: RawRequest, self: Effect.Effect<A, E, R>) =>
  Effect.catchAllDefect(self, (defect) => Effect.die(LogText.errorOf(request, defect)))

/** The common parent of all spans of an upload. */
export const parentOf = (id: UploadId): Tracer.ExternalSpan => {
  const traceId = /^(?!0{32})[0-9a-f]{32}$/.test(id) ? id : digits(id, 4)
  return Tracer.externalSpan({ traceId, spanId: digits(id, 2), sampled: true })
}

/** @see https://www.w3.org/TR/trace-context/#traceparent-header */
const linksOf = (header: string | undefined): ReadonlyArray<Tracer.SpanLink> => {
  const [, traceId, spanId, flags] = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(header ?? "") ?? []
  return traceId === undefined || spanId === undefined || flags === undefined
    ? []
    : [{
      _tag: "SpanLink",
      span: Tracer.externalSpan({ traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }),
      attributes: {}
    }]
}

/** Eight digits for each of `count` FNV-1a hashes, never all of them zero. */
const digits = (text: string, count: number): string =>
  Array.from({ length: count }, (_, i) => {
    let hash = 0x811c9dc5 ^ i
    for (let at = 0; at < text.length; at++) {
      hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
    }
    return (hash >>> 0 || 1).toString(16).padStart(8, "0")
  }).join("")
