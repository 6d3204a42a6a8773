/**
 * Work in the background, for which no request waits.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/**
 * Acts on each upload, 16 at a time so that their commits share a transaction. A failure for one upload does not stop
 * the others.
 */
export const each = <A, E>(uploads: Stream.Stream<A, E>, act: (upload: A) => Effect.Effect<unknown, unknown>) =>
  Effect.ignoreLogged(
    Stream.runForEachChunk(
      uploads,
      (some) => Effect.forEach(some, (upload) => quietly(act(upload)), { concurrency: 16, discard: true })
    )
  )

/**
 * Logs a failure at debug level, since the work is tried again later. A defect, such as one of a hook, is logged as an
 * error.
 */
export const quietly = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.ignoreLogged(Effect.tapDefect(self, (defect) => Effect.logError("work in the background failed", defect)))

/** Waits for the last work at the end of a scope. Logs `late` as a warning if that takes longer than `deadline`. */
export const finish = (last: Effect.Effect<unknown>, deadline: Duration.DurationInput, late: () => string) =>
  Effect.flatMap(
    Effect.timeoutOption(Effect.interruptible(last), deadline),
    (done) => Option.isSome(done) ? Effect.void : Effect.logWarning(late())
  )
