/**
 * Results that are known at once. An `Exit` is an Effect: a function that knows its result returns an `Exit`, and its
 * caller looks before it runs anything. Without a wait there is no fiber. Whatever has to wait is an Effect as always.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"

/** Whether the result is known: nothing has to run. */
export const isKnown = <A, E, R>(self: Effect.Effect<A, E, R>): self is Exit.Exit<A, E> => Exit.isExit(self)

/** `Effect.flatMap`, at once if `self` is known. */
export const flatMap = <A, E, R, B, E2, R2>(
  self: Effect.Effect<A, E, R>,
  f: (a: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> =>
  !isKnown(self) ? Effect.flatMap(self, f) : Exit.isSuccess(self) ? f(self.value) : Exit.failCause(self.cause)

/** `Effect.map`, at once if `self` is known. */
export const map = <A, E, R, B>(self: Effect.Effect<A, E, R>, f: (a: A) => B): Effect.Effect<B, E, R> =>
  isKnown(self) ? Exit.map(self, f) : Effect.map(self, f)

/** `Effect.mapError`, at once if `self` is known. */
export const mapError = <A, E, R, E2>(self: Effect.Effect<A, E, R>, f: (error: E) => E2): Effect.Effect<A, E2, R> =>
  isKnown(self) ? Exit.mapError(self, f) : Effect.mapError(self, f)

/** `Effect.matchCauseEffect`, at once if `self` is known. */
export const matchCauseEffect = <A, E, R, B, E2, R2, C, E3, R3>(
  self: Effect.Effect<A, E, R>,
  options: {
    readonly onSuccess: (a: A) => Effect.Effect<B, E2, R2>
    readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<C, E3, R3>
  }
): Effect.Effect<B | C, E2 | E3, R | R2 | R3> =>
  !isKnown(self)
    ? Effect.matchCauseEffect(self, options)
    : Exit.isSuccess(self)
    ? options.onSuccess(self.value)
    : options.onFailure(self.cause)

/** Calls `f` at once. What it throws is a defect, as in `Effect.suspend`. */
export const suspend = <A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Either.getOrElse(Either.try({ try: f, catch: identity }), Exit.die)
