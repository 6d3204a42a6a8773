/**
 * Attempts and what they cost: the schedule pays for each one, and progress renews the budget.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Known from "../../time/Known.js"
import * as Monotonic from "../../time/Monotonic.js"
import type * as NextStep from "../../wire/tus/NextStep.js"
import type { Endpoint } from "../requests/Endpoint.js"
import type { TusError } from "../transport/TusError.js"
import * as UserCode from "../transport/UserCode.js"
import * as Budget from "./Budget.js"
import * as RecoveryPlan from "./RecoveryPlan.js"

/** What a request needs to know of the attempts before it. */
export interface Attempt {
  /** Attempts since the last progress, this one included. */
  readonly attempts: number
  /** The headers are to be made anew. */
  readonly refresh: boolean
}

export interface Retry<R> {
  readonly attempt: () => Attempt
  /** Bytes were acknowledged: the budget starts anew. */
  readonly renew: () => void
  /** Waits until there is a network, and until the time that the server asked to wait for. */
  readonly ready: () => Effect.Effect<void>
  /** From the next request on, headers are made anew. */
  readonly refresh: () => void
  /**
   * Pays for one more attempt and waits until it is due, but at least for `delay`. Fails with the error if the schedule
   * has ended.
   */
  readonly pay: (error: TusError, delay: Duration.Duration) => Effect.Effect<void, TusError, R>
  /** Repeats a request while the schedule pays for it, for requests that have no other way to recover. */
  readonly persist: <A>(
    verb: NextStep.Verb,
    request: (attempt: Attempt) => Effect.Effect<A, TusError>
  ) => Effect.Effect<A, TusError, R>
}

/**
 * Half a second, doubled each time up to half a minute, with jitter that shortens it by up to a third. Without an end.
 */
export const pace: Schedule.Schedule<unknown> = Schedule.exponential("500 millis").pipe(
  Schedule.modifyDelay((_, delay) => Duration.min(delay, "30 seconds")),
  // Jitter only shortens: else the longest pause would be longer than half a minute.
  Schedule.jitteredWith({ min: 2 / 3, max: 1 })
)

/** What the protocol allows after a failure, with the time of day for a `Retry-After` that is a date. */
export const nextStep = (verb: NextStep.Verb, error: TusError): Effect.Effect<NextStep.Next> =>
  Effect.map(DateTime.now, (now) => RecoveryPlan.classify(verb, error, now))

export const make = <R>(
  schedule: Schedule.Schedule<unknown, TusError, R>,
  endpoint: Endpoint,
  onRetry: (error: TusError, delay: Duration.Duration) => void
): Effect.Effect<Retry<R>> =>
  Effect.map(UserCode.connectivity, (network) => onNetwork(network, schedule, endpoint, onRetry))

const onNetwork = <R>(
  { isOffline, online }: Effect.Effect.Success<typeof UserCode.connectivity>,
  schedule: Schedule.Schedule<unknown, TusError, R>,
  endpoint: Endpoint,
  onRetry: (error: TusError, delay: Duration.Duration) => void
): Retry<R> => {
  /** Nothing is budgeted before something fails. */
  let budget: Budget.Budget<TusError, R> | undefined
  let failed = 0
  let refreshed = false

  const attempt = () => ({ attempts: failed + 1, refresh: refreshed })
  const refresh = () => {
    refreshed = true
  }

  const allowed = () =>
    endpoint.notBefore === -Infinity ? Effect.void : Effect.flatMap(Monotonic.millis, (now) => {
      const wait = endpoint.notBefore - now
      return wait > 0 ? Effect.sleep(Duration.millis(wait)) : Effect.void
    })
  const ready = () => Known.flatMap(online, allowed)

  const count = (error: TusError, delay: Duration.Duration) => {
    failed++
    onRetry(error, delay)
  }

  /**
   * The pause that is reported is the pause that is waited for. While there is no network, a failed attempt is free.
   */
  const pay = Effect.fnUntraced(function*(error: TusError, wanted: Duration.Duration) {
    if (error._tag === "Unanswered" && isOffline()) {
      return count(error, Duration.zero)
    }
    budget ??= Budget.make(UserCode.schedule(schedule))
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

  /** Prepares the same request again, or fails with the error. */
  const again = (error: TusError, next: NextStep.Next) =>
    next._tag === "RetryAfter"
      ? pay(error, Option.getOrElse(next.delay, () => Duration.zero))
      : next._tag === "Refresh" && !refreshed
      ? Effect.sync(refresh)
      : Effect.fail(error)

  const retry: Retry<R> = {
    attempt,
    ready,
    refresh,
    pay,
    renew: () => {
      failed = 0
      refreshed = false
      budget = undefined
    },
    persist: (verb, request) =>
      Effect.suspend(ready).pipe(
        Effect.zipRight(Effect.suspend(() => request(attempt()))),
        Effect.catchAll((error) =>
          nextStep(verb, error).pipe(
            Effect.flatMap((next) => again(error, next)),
            Effect.zipRight(Effect.suspend(() => retry.persist(verb, request)))
          )
        )
      )
  }
  return retry
}
