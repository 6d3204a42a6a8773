/**
 * Detects stalled requests, for transports that cannot do so themselves.
 */
import * as Effect from "effect/Effect"
import * as Monotonic from "../../time/Monotonic.js"
import * as DrainTime from "./DrainTime.js"
import * as RaceAndWait from "./RaceAndWait.js"
import { type Request, stalled, type TransportError } from "./TusTransport.js"

/** Interrupts `send` if it has reported no byte for `stallTimeout`. */
export const watched = <A, E>(
  request: Request,
  send: (request: Request) => Effect.Effect<A, E>
): Effect.Effect<A, E | TransportError> =>
  Effect.clockWith((clock) => {
    const timeout = request.stallTimeout ?? Number.POSITIVE_INFINITY
    let last = Monotonic.unsafeMillis(clock)
    const watching: Effect.Effect<never, TransportError> = Effect.suspend(() => {
      const isWhole = request.body !== undefined && sent >= request.body.length
      const allowance = isWhole ? DrainTime.allowance({ bytes: sent, millis: last - start }, timeout) : 0
      const left = last + timeout + allowance - Monotonic.unsafeMillis(clock)
      // Rounded up: a sleep of less than a millisecond would not advance the clock.
      return left > 0 ? Effect.zipRight(Effect.sleep(Math.ceil(left)), watching) : Effect.fail(stalled(timeout))
    })
    const start = last
    let sent = 0
    const onSent = (bytes: number) => {
      last = Monotonic.unsafeMillis(clock)
      sent += bytes
      request.onSent?.(bytes)
    }
    return timeout === Number.POSITIVE_INFINITY
      ? send(request)
      : RaceAndWait.first(send({ ...request, onSent }), watching)
  })
