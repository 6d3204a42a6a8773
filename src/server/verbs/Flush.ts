/**
 * Commits what has arrived of a body because a HEAD asks: in a fiber of its own, seldom, and once for all that ask.
 */
import * as Effect from "effect/Effect"
import * as Monotonic from "../../time/Monotonic.js"
import { Signal } from "../../time/Signal.js"

/** How often a HEAD may have bytes committed. */
const everyMillis = 250

export interface Options {
  /** Whether a commit would change anything, or one is under way. */
  readonly isDue: () => boolean
  /** When the last commit was, in milliseconds of the monotonic clock. */
  readonly lastCommit: () => number
  readonly commit: () => Effect.Effect<void, unknown>
}

export const make = ({ commit, isDue, lastCommit }: Options) => {
  let flushing: Signal | undefined
  let isOver = false

  /** Waits until a commit is allowed again. The body may be over then: its last commit has everything. */
  const commitSoon = (ended: Signal) =>
    Monotonic.millis.pipe(
      Effect.flatMap((now) => Effect.sleep(Math.max(0, lastCommit() + everyMillis - now))),
      Effect.zipRight(Effect.suspend(() => isOver ? Effect.void : commit())),
      Effect.ignore,
      Effect.ensuring(Effect.sync(() => {
        flushing = undefined
        ended.give()
      })),
      Effect.uninterruptible,
      Effect.forkDaemon
    )

  return {
    flush: Effect.suspend(() => {
      if (flushing !== undefined) {
        return flushing.wait()
      }
      if (!isDue()) {
        return Effect.void
      }
      const ended = new Signal()
      flushing = ended
      return Effect.zipRight(commitSoon(ended), ended.wait())
    }),
    /** From now on nothing is committed here. */
    end: () => {
      isOver = true
    }
  }
}
