/**
 * How a sweep goes through what it finds.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/**
 * One upload that cannot be dealt with does not keep the others waiting; those of a few at a time are written together.
 */
export const each = <A, E>(uploads: Stream.Stream<A, E>, act: (upload: A) => Effect.Effect<unknown, unknown>) =>
  Effect.ignoreLogged(
    Stream.runForEachChunk(
      uploads,
      (some) => Effect.forEach(some, (upload) => quietly(act(upload)), { concurrency: 16, discard: true })
    )
  )

/**
 * Work that nobody waits for: what fails is tried again later, and only a bug, such as of a hook, is worth a line for
 * everybody.
 */
export const quietly = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.ignoreLogged(Effect.tapDefect(self, (defect) => Effect.logError("work in the background failed", defect)))
