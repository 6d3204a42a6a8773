/**
 * Observers of requests, such as metrics and an access log. Without observers nothing runs.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { RawResponse } from "../../wire/Message.js"
import type { Exchange } from "../body/Exchange.js"

/** An answer and its outcome. */
export interface Observed extends RawResponse {
  /**
   * `Ok`; or the tag of the refusal, such as `OffsetMismatch`; or the reason why the body was cut off, such as
   * `TakenOver`; or `UploadStoreError` or `Defect` if the server failed.
   */
  readonly outcome: string
}

/** Wraps what answers a request. It sees everything and changes nothing. */
export type Observer = <R extends Observed>(
  exchange: Exchange,
  answer: (exchange: Exchange) => Effect.Effect<R>
) => Effect.Effect<R>

/** The observers, the last one outermost. None by default; `layer` adds one. Provide it to the doors. */
export class TusObserver extends Context.Reference<TusObserver>()("effect-tus/TusObserver", {
  defaultValue: (): ReadonlyArray<Observer> => []
}) {}

/** Adds an observer to those that are provided. */
export const layer = <E, R>(observer: Effect.Effect<Observer, E, R>): Layer.Layer<TusObserver, E, R> =>
  Layer.effect(
    TusObserver,
    Effect.zipWith(TusObserver, observer, (others, observer) => [...others, observer])
  )

/** Wraps the answer in all observers, the last one outermost. */
export const watched = <R extends Observed>(
  observers: ReadonlyArray<Observer>,
  answer: (exchange: Exchange) => Effect.Effect<R>
): (exchange: Exchange) => Effect.Effect<R> =>
  observers.reduce((answer, observer) => (exchange) => observer(exchange, answer), answer)
