/**
 * Reads a stream, one pull at a time, for as many readers as wait. An interrupted pull would lose the bytes that it had
 * in hand, so a pull runs in a fiber of its own and readers only wait for it.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Pull from "../../bytes/Pull.js"
import * as UploadSource from "./UploadSource.js"

export interface StreamFeed {
  /** Waits until a pull has ended, which is begun if none is under way. */
  readonly advance: Effect.Effect<void>
  /** How the stream ended; undefined while it goes on. */
  readonly ended: () => Exit.Exit<void, UploadSource.SourceError> | undefined
}

export interface Options {
  /** What messages call it. */
  readonly name: string
  readonly pull: Pull.Pull<UploadSource.SourceError>
  /** Takes what a pull has brought. Not interrupted. */
  readonly append: (bytes: Iterable<Uint8Array>) => Effect.Effect<void, UploadSource.SourceError>
  /** Of the fibers that pull. */
  readonly scope: Scope.Scope
}

export const make = ({ append, name, pull, scope }: Options): StreamFeed => {
  let ended: Exit.Exit<void, UploadSource.SourceError> | undefined
  let pulling: Deferred.Deferred<void> | undefined

  const begin = (done: Deferred.Deferred<void>) =>
    Effect.interruptible(pull).pipe(
      Effect.matchCauseEffect({
        onSuccess: (bytes) => Effect.as(append(bytes), false),
        onFailure: (cause) => Effect.as(endOf(name, cause), true)
      }),
      Effect.exit,
      Effect.map((exit) => {
        ended = Exit.isFailure(exit) || exit.value ? Exit.asVoid(exit) : ended
        pulling = undefined
        Deferred.unsafeDone(done, Exit.void)
      }),
      Effect.forkIn(scope)
    )

  return {
    ended: () => ended,
    advance: Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        if (pulling !== undefined) {
          return restore(Deferred.await(pulling))
        }
        const done = Deferred.unsafeMake<void>(FiberId.none)
        pulling = done
        return Effect.zipRight(begin(done), restore(Deferred.await(done)))
      })
    )
  }
}

/** How a stream ends whose pull has failed. A stream that interrupted itself cannot be read on. */
const endOf = (
  name: string,
  cause: Cause.Cause<Option.Option<UploadSource.SourceError>>
): Effect.Effect<void, UploadSource.SourceError> =>
  Either.match(Cause.failureOrCause(cause), {
    onLeft: Option.match({ onNone: () => Effect.void, onSome: Effect.fail }),
    onRight: (cause) =>
      Cause.isInterruptedOnly(cause)
        ? UploadSource.unreadable(name)(new Error("the stream interrupted itself"))
        : Effect.failCause(cause)
  })
