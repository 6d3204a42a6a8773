/**
 * The metrics of a server, as Effect metrics for any exporter, such as `Prometheus`. All of them count this process
 * alone: with several servers scrape each, and add. What all servers store together is `usage` of the registry.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import * as Pull from "../../bytes/Pull.js"
import * as Monotonic from "../../time/Monotonic.js"
import type { UploadBody } from "../body/UploadBody.js"
import * as TusObserver from "../hooks/TusObserver.js"
import { UploadEvents } from "../hooks/UploadEvents.js"

/** By `method` and `status`. */
export const requests = Metric.counter("tus_requests_total", {
  description: "Requests that were answered",
  incremental: true
})

/** By `reason`: a takeover is a request that ended as `TakenOver`. */
export const refusals = Metric.counter("tus_refusals_total", {
  description: "Requests that were refused, cut off, or failed",
  incremental: true
})

/**
 * Counted when they are read from a body: also bytes that are not kept, and bytes that are sent again.
 */
export const receivedBytes = Metric.counter("tus_received_bytes_total", {
  description: "Bytes of uploads that have arrived",
  incremental: true
})

/**
 * By `method`, in this process. A request counts from its head to its answer, without the bytes of a download. Uploads
 * in flight are those of `PATCH` and `POST`.
 */
export const activeRequests = Metric.gauge("tus_active_requests", {
  description: "Requests that are being answered"
})

/** By `method`. */
export const duration = Metric.histogram(
  "tus_request_duration_seconds",
  MetricBoundaries.fromIterable([0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30, 300, 3600]),
  "Seconds from the head of a request to its answer"
)

/**
 * By `event`: `Created`, `Completed`, `Rejected`, `Terminated`, `Expired`. Counted by the server that has published the
 * event, so that the sum over all servers counts each once.
 */
export const uploads = Metric.counter("tus_uploads_total", {
  description: "What has happened to uploads",
  incremental: true
})

/**
 * By `sweep`: `Expired` (with pending uploads), or `Orphans`. Always measured, also without `layer`. A server that
 * skips a sweep, because another one has the turn, measures nothing.
 */
export const sweepDuration = Metric.histogram(
  "tus_sweep_duration_seconds",
  MetricBoundaries.fromIterable([0.001, 0.01, 0.1, 1, 10, 60, 600, 3600]),
  "Seconds that a sweep has taken"
)

/**
 * Adds metrics to requests and events, and forwards every event unchanged.
 *
 * @example
 * ```ts
 * import { HttpRouter } from "@effect/platform"
 * import { Layer } from "effect"
 * import { NodeTusServer } from "effect-tus/node"
 * import { Prometheus, TusMetrics } from "effect-tus/server"
 *
 * export const server = NodeTusServer.layer({ directory: "./uploads" }).pipe(Layer.provide(TusMetrics.layer))
 * export const metrics = HttpRouter.empty.pipe(HttpRouter.get("/metrics", Prometheus.app))
 * ```
 */
export const layer: Layer.Layer<TusObserver.TusObserver | UploadEvents> = Layer.suspend(() =>
  Layer.merge(
    TusObserver.layer(Effect.sync(makeObserver)),
    Layer.effect(
      UploadEvents,
      Effect.map(UploadEvents, ({ publish }) => ({
        publish: (event) =>
          event._tag === "Progress"
            ? publish(event)
            : Effect.zipRight(Metric.increment(Metric.tagged(uploads, "event", event._tag)), publish(event))
      }))
    )
  )
)

const makeObserver = (): TusObserver.Observer => {
  const active = new Map<string, number>()
  const change = (method: string, by: number) =>
    Effect.suspend(() => {
      const count = (active.get(method) ?? 0) + by
      active.set(method, count)
      return Metric.set(Metric.tagged(activeRequests, "method", method), count)
    })

  return (exchange, answer) => {
    const method = methodOf(exchange.request.method)
    return Effect.acquireUseRelease(
      Effect.zipRight(change(method, 1), Monotonic.millis),
      () => answer({ ...exchange, body: counted(exchange.body) }),
      (begun, exit) =>
        Effect.zipRight(
          change(method, -1),
          Effect.flatMap(Monotonic.millis, (now) => record(method, (now - begun) / 1000, exit))
        )
    )
  }
}

const record = (method: string, seconds: number, exit: Exit.Exit<TusObserver.Observed>) => {
  const { outcome, status } = Exit.getOrElse(exit, () => abandoned)
  return Effect.all([
    Metric.increment(Metric.taggedWithLabels(requests, [
      MetricLabel.make("method", method),
      MetricLabel.make("status", String(status))
    ])),
    Metric.update(Metric.tagged(duration, "method", method), seconds),
    outcome === "Ok" ? Effect.void : Metric.increment(Metric.tagged(refusals, "reason", outcome))
  ], { discard: true })
}

/** The client disconnected before the answer. */
const abandoned = { outcome: "Abandoned", status: 499 }

const counted = (body: UploadBody): UploadBody => ({
  ...body,
  pull: Effect.tap(
    body.pull,
    (batch) => Metric.incrementBy(receivedBytes, Pull.sizeOf(batch))
  )
})

/** An unknown method is no label, since a client can send any text. */
const methodOf = (method: string) => methods.has(method) ? method : "other"

const methods = new Set(["OPTIONS", "POST", "HEAD", "PATCH", "DELETE", "GET"])
