/**
 * What a schedule pays for: one attempt after another, each when it says so and no sooner than the server wants, until
 * it is spent or renewed.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import * as Monotonic from "../../time/Monotonic.js"

export interface Budget<In, R> {
  /**
   * How long it is until the next attempt, which comes no sooner than `wanted`; none where nothing is left to pay for
   * it, or where nothing would be by then: so it bounds a wait that a server asks for as well. It does not wait. For a
   * `wanted` that is longer than the schedule's own pause, the schedule's steps are run again to look ahead.
   */
  readonly next: (input: In, wanted: Duration.Duration) => Effect.Effect<Option.Option<Duration.Duration>, never, R>
  readonly renew: Effect.Effect<void>
}

export const make = <In, R>(schedule: Schedule.Schedule<unknown, In, R>): Budget<In, R> => {
  let state: unknown = schedule.initial

  /** The state after an attempt `ahead` milliseconds from now, and when it says that the one after that is to be. */
  const step = (input: In, from: unknown, ahead: number) =>
    Effect.clockWith((clock) => {
      const now = Monotonic.unsafeMillis(clock) + ahead
      return Effect.withClock(
        Effect.map(schedule.step(now, input, from), ([state, , decision]) =>
          ScheduleDecision.isContinue(decision)
            ? {
              state,
              delay: Option.some(Math.max(0, ScheduleIntervals.start(decision.intervals) - now)),
              end: ScheduleIntervals.end(decision.intervals) - now
            }
            : { state, delay: Option.none(), end: 0 }),
        ahead === 0 ? clock : later(clock, ahead)
      )
    })

  /**
   * Whether the time, and not the number of attempts, would be up by then. A schedule that does not say when its time
   * is over counts it from its first step on, so that the first failure is looked at from the second one: where that is
   * over anyway, nobody knows.
   */
  const isUp = Effect.fnUntraced(function*(input: In, before: unknown, after: unknown, soon: number, ahead: number) {
    const isFirst = before === schedule.initial
    const then = yield* step(input, isFirst ? after : before, ahead)
    return Option.isNone(then.delay) && (!isFirst || Option.isSome((yield* step(input, after, soon)).delay))
  })

  return {
    next: Effect.fnUntraced(function*(input, wanted) {
      const ahead = Duration.toMillis(wanted)
      const before = state
      const { delay, end, state: after } = yield* step(input, before, 0)
      state = after
      if (Option.isNone(delay) || ahead <= delay.value) {
        return Option.map(delay, Duration.millis)
      }
      return ahead >= end || (yield* isUp(input, before, after, delay.value, ahead))
        ? Option.none()
        : Option.some(wanted)
    }),
    renew: Effect.sync(() => {
      state = schedule.initial
    })
  }
}

/* oxlint-disable no-restricted-properties -- a clock that is made of another one has all that a clock has. */
/** What a schedule would see of the time if so many milliseconds had passed. */
const later = (clock: Clock.Clock, millis: number): Clock.Clock => {
  const nanos = BigInt(Math.ceil(millis)) * 1_000_000n
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + millis,
    unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos() + nanos,
    currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + millis),
    currentTimeNanos: Effect.map(clock.currentTimeNanos, (now) => now + nanos),
    sleep: (duration) => clock.sleep(duration)
  }
}
