/**
 * Results that are known at once, for server and client. An `Exit` is an Effect, and so is an `Either`: a function that
 * knows its result returns one, and its caller looks before it runs anything. Without a wait there is no fiber.
 * Whatever has to wait is an Effect as always. All of this acts at the call, and what it returns is run once.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import { type YieldWrap, yieldWrapGet } from "effect/Utils"

/** The result, if it is known: then nothing has to run. */
export const exit = <A, E, R>(self: Effect.Effect<A, E, R>): Exit.Exit<A, E> | undefined =>
  Exit.isExit(self)
    ? self as Exit.Exit<A, E>
    : Either.isEither(self)
    ? Exit.fromEither(self as Either.Either<A, E>)
    : undefined

/** `Effect.matchCauseEffect`, at once if `self` is known. */
export const matchCauseEffect = <A, E, R, B, E2, R2, C, E3, R3>(
  self: Effect.Effect<A, E, R>,
  options: {
    readonly onSuccess: (a: A) => Effect.Effect<B, E2, R2>
    readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<C, E3, R3>
  }
): Effect.Effect<B | C, E2 | E3, R | R2 | R3> => {
  const known = exit(self)
  return known === undefined
    ? Effect.matchCauseEffect(self, options)
    : Exit.isSuccess(known)
    ? options.onSuccess(known.value)
    : options.onFailure(known.cause)
}

/** `Effect.flatMap`, at once if `self` is known. */
export const flatMap = <A, E, R, B, E2, R2>(
  self: Effect.Effect<A, E, R>,
  f: (a: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> => {
  const known = exit(self)
  return known === undefined
    ? Effect.flatMap(self, f)
    : Exit.isSuccess(known)
    ? f(known.value)
    : Exit.failCause(known.cause)
}

/** `Effect.map`, at once if `self` is known. */
export const map = <A, E, R, B>(self: Effect.Effect<A, E, R>, f: (a: A) => B): Effect.Effect<B, E, R> => {
  const known = exit(self)
  return known === undefined ? Effect.map(self, f) : Exit.map(known, f)
}

/** `Effect.mapError`, at once if `self` is known. */
export const mapError = <A, E, R, E2>(self: Effect.Effect<A, E, R>, f: (error: E) => E2): Effect.Effect<A, E2, R> => {
  const known = exit(self)
  return known === undefined ? Effect.mapError(self, f) : Exit.mapError(known, f)
}

/** Calls `f` at once. What it throws is a defect, as in `Effect.suspend`. */
export const suspend = <A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Either.getOrElse(Either.try({ try: f, catch: identity }), Exit.die)

type Yielded = YieldWrap<Effect.Effect<unknown, unknown, unknown>>
type ErrorOf<Y> = Y extends YieldWrap<Effect.Effect<infer _A, infer E, infer _R>> ? E : never
type ContextOf<Y> = Y extends YieldWrap<Effect.Effect<infer _A, infer _E, infer R>> ? R : never

/** `Effect.fnUntraced`, at once up to the first effect whose result is not known. */
export const fn = <Args extends ReadonlyArray<unknown>, Y extends Yielded, A>(
  body: (...args: Args) => Generator<Y, A, never>
) =>
(...args: Args): Effect.Effect<A, ErrorOf<Y>, ContextOf<Y>> =>
  resume(body(...args), undefined) as Effect.Effect<A, ErrorOf<Y>, ContextOf<Y>>

/** Runs on to the first effect whose result is not known. */
const resume = <A>(
  running: Generator<Yielded, A, never>,
  value: unknown
): Effect.Effect<A, unknown, unknown> => {
  for (let next = running.next(value as never);; next = running.next(value as never)) {
    if (next.done === true) {
      return Exit.succeed(next.value)
    }
    const effect = yieldWrapGet(next.value)
    const known = exit(effect)
    if (known === undefined) {
      return Effect.flatMap(effect, (value) => resume(running, value))
    }
    if (Exit.isFailure(known)) {
      return Exit.failCause(known.cause)
    }
    value = known.value
  }
}
