/**
 * The attempts that a retry schedule allows. Each one waits for the pause of the schedule, or longer if the server asks
 * for it. The budget is spent when the schedule ends.
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
   * The pause before the next attempt, which is at least `wanted`. Option.none if the schedule has ended, or would have
   * ended by then: so the schedule also bounds a wait that a server asks for. It does not sleep. If `wanted` is longer
   * than the pause of the schedule, the schedule is stepped again to look ahead.
   */
  readonly next: (input: In, wanted: Duration.Duration) => Effect.Effect<Option.Option<Duration.Duration>, never, R>
}

export const make = <In, R>(schedule: Schedule.Schedule<unknown, In, R>): Budget<In, R> => {
  let state: unknown = schedule.initial

  /** The schedule after an attempt `ahead` milliseconds from now: its state, its pause, and when it ends. */
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
   * Whether the schedule ends by time, and not by the number of attempts, before the wait is over. A schedule that does
   * not say when it ends counts its time from its first step, so the first failure is judged by the second step. If
   * that one is the last anyway, nobody can tell.
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
    })
  }
}

/* oxlint-disable no-restricted-properties -- a clock that is made of another one has all that a clock has. */
/** A clock that is `millis` milliseconds ahead. */
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
