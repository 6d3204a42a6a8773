/**
 * Effects whose result is known. An `Exit` is an Effect, too, and so is an `Either`: whoever has a result returns one,
 * and what follows is done at once, without the interpreter. All of this is for code that is running already, such as
 * that of `Effect.suspend`: it acts before it returns, and what it returns is run once.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { type YieldWrap, yieldWrapGet } from "effect/Utils"

/** The result of an effect, if it is known. */
export const exit = <A, E, R>(self: Effect.Effect<A, E, R>): Exit.Exit<A, E> | undefined =>
  Exit.isExit(self) ? self as Exit.Exit<A, E> : Either.isEither(self) ? exitOf(self as Either.Either<A, E>) : undefined

const exitOf = <A, E>(either: Either.Either<A, E>): Exit.Exit<A, E> =>
  Either.isRight(either) ? Exit.succeed(either.right) : Exit.fail(either.left)

/** Like `Effect.flatMap`. */
export const flatMap = <A, E, R, B, E2, R2>(
  self: Effect.Effect<A, E, R>,
  next: (value: A) => Effect.Effect<B, E2, R2>
): Effect.Effect<B, E | E2, R | R2> => {
  const known = exit(self)
  return known === undefined
    ? Effect.flatMap(self, next)
    : Exit.isSuccess(known)
    ? next(known.value)
    : Exit.failCause(known.cause)
}

/** Like `Effect.map`. */
export const map = <A, E, R, B>(self: Effect.Effect<A, E, R>, next: (value: A) => B): Effect.Effect<B, E, R> =>
  flatMap(self, (value) => Exit.succeed(next(value)))

type Yielded = YieldWrap<Effect.Effect<unknown, unknown, unknown>>
type ErrorOf<Y> = Y extends YieldWrap<Effect.Effect<infer _A, infer E, infer _R>> ? E : never
type ContextOf<Y> = Y extends YieldWrap<Effect.Effect<infer _A, infer _E, infer R>> ? R : never

/** Like `Effect.fnUntraced`. */
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
