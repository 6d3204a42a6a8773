/**
 * Whoever watches requests: metrics, an access log. Where nobody does, nothing is done for it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { RawResponse } from "../../wire/Message.js"
import type { Exchange } from "../body/Exchange.js"

/** An answer, with what came of the request in one word. */
export interface Observed extends RawResponse {
  /**
   * What came of the request: `Ok`, or why it was refused, as the refusal is called, such as `OffsetMismatch`; of a
   * body that was cut off, by what, such as `TakenOver`; `UploadStoreError` and `Defect` where the server failed.
   */
  readonly outcome: string
}

/** Stands between a door and what answers: sees all, and changes nothing. */
export type Observer = <R extends Observed>(
  exchange: Exchange,
  answer: (exchange: Exchange) => Effect.Effect<R>
) => Effect.Effect<R>

/** Those that watch, the last one outermost; none by default. `layer` adds one. To be provided to the doors. */
export class TusObserver extends Context.Reference<TusObserver>()("effect-tus/TusObserver", {
  defaultValue: (): ReadonlyArray<Observer> => []
}) {}

/** One more that watches, beside those that are provided to it. */
export const layer = <E, R>(observer: Effect.Effect<Observer, E, R>): Layer.Layer<TusObserver, E, R> =>
  Layer.effect(
    TusObserver,
    Effect.zipWith(TusObserver, observer, (others, observer) => [...others, observer])
  )

/** What is watched by all of them, the last one outermost. */
export const watched = <R extends Observed>(
  observers: ReadonlyArray<Observer>,
  answer: (exchange: Exchange) => Effect.Effect<R>
): (exchange: Exchange) => Effect.Effect<R> =>
  observers.reduce((answer, observer) => (exchange) => observer(exchange, answer), answer)
