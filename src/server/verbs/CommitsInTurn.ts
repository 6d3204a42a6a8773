/**
 * The commits of one upload, one after another: that of a HEAD runs beside the body. None follows one that failed,
 * because the bytes may be lost.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Known from "../../time/Known.js"
import { Signal } from "../../time/Signal.js"

export interface CommitsInTurn<E> {
  /**
   * Runs a commit after the one under way, and then `done` with its result; fails with the cause of an earlier one that
   * failed. The turn begins with the call, so the caller is uninterruptible and runs it at once.
   */
  readonly run: <A>(commit: () => Effect.Effect<A, E>, done: (a: A) => Effect.Effect<void>) => Effect.Effect<void, E>
  /** Waits for the commit under way, if there is one. */
  readonly idle: () => Effect.Effect<void>
  readonly isUnderWay: () => boolean
  readonly hasFailed: () => boolean
}

export const make = <E>(): CommitsInTurn<E> => {
  let underWay: Signal | undefined
  let failure: Cause.Cause<E> | undefined

  const run: CommitsInTurn<E>["run"] = (commit, done) => {
    if (underWay !== undefined) {
      return Effect.flatMap(underWay.wait(), () => run(commit, done))
    }
    if (failure !== undefined) {
      return Exit.failCause(failure)
    }
    const ended = new Signal()
    underWay = ended
    const end = (exit: Exit.Exit<void, E>) => {
      underWay = undefined
      ended.give()
      return exit
    }
    return Effect.matchCauseEffect(commit(), {
      onFailure: (cause) => {
        failure = cause
        return end(Exit.failCause(cause))
      },
      onSuccess: (a) => Known.flatMap(done(a), () => end(Exit.void))
    })
  }

  return {
    run,
    idle: () => underWay?.wait() ?? Exit.void,
    isUnderWay: () => underWay !== undefined,
    hasFailed: () => failure !== undefined
  }
}
