/**
 * What attempts cost: the table of `NextStep` says what is worth another, the schedule pays for it, and progress renews
 * the budget.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as NextStep from "../../protocol/NextStep.js"
import * as Monotonic from "../../time/Monotonic.js"
import type { Endpoint } from "../requests/Endpoint.js"
import * as Given from "../transport/Given.js"
import type { TusError } from "../transport/TusError.js"
import * as Budget from "./Budget.js"

/** What a request is told of the attempts before it. */
export interface Told {
  readonly attempts: number
  readonly refresh: boolean
}

export interface Retry<R> {
  /** What the next request is told of those before it. */
  readonly call: () => Told
  /** Bytes were acknowledged: the budget starts anew. */
  readonly renew: Effect.Effect<void>
  /** Waits until there is a network, and the server wants to be asked again. */
  readonly ready: Effect.Effect<void>
  /**
   * Fails with the error when nothing is to be done about it or nothing is left to pay with; returns what to do once it
   * is paid for, `RetryAfter` for the same again.
   */
  readonly after: (
    verb: NextStep.Verb,
    error: TusError
  ) => Effect.Effect<Exclude<NextStep.Next["_tag"], "Continue" | "Fail">, TusError, R>
  /** Pays for one more attempt and waits until it is due, or fails with the error. */
  readonly pay: (error: TusError) => Effect.Effect<void, TusError, R>
  /** A request that knows no other answer to failure than another attempt. */
  readonly persist: <A>(
    verb: NextStep.Verb,
    request: (call: Told) => Effect.Effect<A, TusError>
  ) => Effect.Effect<A, TusError, R>
}

/** Half a second, doubled up to half a minute, less up to a third of it at random; without an end. */
export const pace: Schedule.Schedule<unknown> = Schedule.exponential("500 millis").pipe(
  Schedule.modifyDelay((_, delay) => Duration.min(delay, "30 seconds")),
  // What is added at random to the longest pause would make it longer.
  Schedule.jitteredWith({ min: 2 / 3, max: 1 })
)

export const make = Effect.fnUntraced(function*<R>(
  schedule: Schedule.Schedule<unknown, TusError, R>,
  endpoint: Endpoint,
  onRetry: (error: TusError, delay: Duration.Duration) => void
) {
  const { isOffline, online } = yield* Given.connectivity
  const budget = Budget.make(Given.schedule(schedule))
  let failed = 0
  let refreshed = false

  const call = () => ({ attempts: failed + 1, refresh: refreshed })

  const allowed = Effect.flatMap(Monotonic.millis, (now) => {
    const wait = endpoint.notBefore - now
    return wait > 0 ? Effect.sleep(Duration.millis(wait)) : Effect.void
  })
  const ready = Effect.zipRight(online, allowed)

  const count = (error: TusError, delay: Duration.Duration) => {
    failed++
    onRetry(error, delay)
  }

  /** What is told is what is waited for. */
  const pay = Effect.fnUntraced(function*(error: TusError, wanted: Duration.Duration = Duration.zero) {
    const delay = yield* budget.next(error, wanted)
    if (Option.isNone(delay)) {
      return yield* Effect.fail(error)
    }
    count(error, delay.value)
    if (error._tag === "Refused" && (error.status === 429 || error.status === 503)) {
      const until = (yield* Monotonic.millis) + Duration.toMillis(wanted)
      endpoint.notBefore = Math.max(endpoint.notBefore, until)
    }
    yield* Effect.sleep(delay.value)
  })

  const after: Retry<R>["after"] = Effect.fnUntraced(function*(verb, error) {
    const next = classify(verb, error, yield* DateTime.now)
    switch (next._tag) {
      case "Continue":
      case "Fail":
        return yield* Effect.fail(error)
      case "Refresh":
        if (refreshed) {
          return yield* Effect.fail(error)
        }
        refreshed = true
        return next._tag
      case "RetryAfter": {
        yield* error._tag === "Unanswered" && isOffline()
          ? Effect.sync(() => count(error, Duration.zero))
          : pay(error, Option.getOrUndefined(next.delay))
        return next._tag
      }
      default:
        return next._tag
    }
  })

  const retry: Retry<R> = {
    call,
    ready,
    pay,
    after,
    renew: Effect.suspend(() => {
      failed = 0
      refreshed = false
      return budget.renew
    }),
    persist: (verb, request) =>
      ready.pipe(
        Effect.zipRight(Effect.suspend(() => request(call()))),
        Effect.catchAll((error) =>
          Effect.flatMap(
            after(verb, error),
            (next) => next === "RetryAfter" || next === "Refresh" ? retry.persist(verb, request) : Effect.fail(error)
          )
        )
      )
  }
  return retry
})

const classify = (verb: NextStep.Verb, error: TusError, now: DateTime.Utc): NextStep.Next => {
  switch (error._tag) {
    case "Refused":
      return NextStep.classify(verb, NextStep.Result.Answered(error), now)
    case "Unanswered":
      return NextStep.classify(verb, NextStep.Result.Unanswered({ passing: passing[error.reason] }), now)
    case "Misbehaved":
      return NextStep.classify(verb, NextStep.Result.Unanswered({ passing: error.reason === "NoProgress" }), now)
    default:
      return NextStep.Next.Fail()
  }
}

const passing = { Unreachable: true, Closed: true, Stalled: true, Tls: false, NotHttp: false, Invalid: false }
