/**
 * A queue from callbacks to a Stream. Of updates that supersede each other it keeps the latest, so a slow reader does
 * not fill it up.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

export interface LatestQueue<A, E> {
  readonly offer: (update: A) => void
  readonly end: (exit: Exit.Exit<unknown, E>) => void
  readonly stream: Stream.Stream<A, E>
}

/** @param supersedes - whether `after` makes `before`, which is not read yet, superfluous */
export const make = <A, E>(supersedes: (before: A, after: A) => boolean): LatestQueue<A, E> => {
  const latch = Effect.unsafeMakeLatch(false)
  let waiting: Array<A> = []
  let ended = Option.none<Exit.Exit<unknown, E>>()
  return {
    offer: (update) => {
      const before = waiting.at(-1)
      if (before !== undefined && supersedes(before, update)) {
        waiting.pop()
      }
      waiting.push(update)
      latch.unsafeOpen()
    },
    end: (exit) => {
      ended = Option.some(exit)
      latch.unsafeOpen()
    },
    stream: Stream.repeatEffectChunkOption(
      Effect.zipRight(
        latch.await,
        Effect.suspend(() => {
          if (waiting.length === 0 && Option.isSome(ended)) {
            return Exit.match(ended.value, {
              onFailure: (cause) => Effect.mapError(Effect.failCause(cause), Option.some),
              onSuccess: () => Effect.fail(Option.none())
            })
          }
          const updates = Chunk.unsafeFromArray(waiting)
          waiting = []
          if (Option.isNone(ended)) {
            latch.unsafeClose()
          }
          return Effect.succeed(updates)
        })
      )
    )
  }
}
