/**
 * Code and values that the application provides may throw, die, interrupt themselves, or have the wrong type. Here that
 * becomes an error that names them, and an interruption of their own is not mistaken for one of the upload.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { type Hasher, HashFunctions } from "../../bytes/HashFunctions.js"
import * as Pull from "../../bytes/Pull.js"
import * as Known from "../../time/Known.js"
import * as UploadSource from "../sources/UploadSource.js"
import { Connectivity } from "./Connectivity.js"
import { Broken } from "./TusError.js"
import * as TypeTag from "./TypeTag.js"

/** The reason of an unexpected cause. */
export const reasonOf = (cause: Cause.Cause<unknown>): unknown =>
  Cause.isInterruptedOnly(cause) ? new Error("it interrupted itself") : Cause.squash(cause)

/** The defect as a `Broken` that names its origin. */
export const bugOf = (what: string, cause: unknown): Broken =>
  cause instanceof Broken ? cause : new Broken({ what, cause })

/**
 * Makes and runs an effect of the application. Failures stay; all else becomes a defect that names it. For code that
 * runs already: `make` is called at once, and a result that is known is returned.
 */
export const effect = <A, E, R>(what: string, make: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const made = attempt(what, make)
  return Either.isLeft(made) ? Effect.die(made.left) : isSuccess(made.right) ? made.right : Effect.catchAllCause(
    made.right,
    (cause) =>
      Either.match(Cause.failureOrCause(cause), {
        onLeft: Effect.fail,
        onRight: (cause) => Effect.die(bugOf(what, reasonOf(cause)))
      })
  )
}

/** Runs an effect that may not fail either. */
const infallible = <A, R>(what: string, make: () => Effect.Effect<A, never, R>): Effect.Effect<A, never, R> =>
  effect(what, () => {
    const made = make()
    return isSuccess(made) ? made : Effect.catchAll(made, Effect.die)
  })

/** Dies unless the value has the expected type. */
const expected = <A, E, R>(what: string, isIt: (value: unknown) => boolean, given: Effect.Effect<A, E, R>) =>
  Known.flatMap(
    given,
    (value) =>
      isIt(value) ? Exit.succeed(value) : Effect.die(new TypeError(`expected ${what}, got ${TypeTag.of(value)}`))
  )

/** Calls a function of the application. What it throws becomes a `Broken`. */
const attempt = <A>(what: string, evaluate: () => A): Either.Either<A, Broken> =>
  Either.try({ try: evaluate, catch: (cause) => bugOf(what, cause) })

const call = <A>(what: string, evaluate: () => A): A => Either.getOrThrowWith(attempt(what, evaluate), identity)

const isSuccess = <A, E, R>(effect: Effect.Effect<A, E, R>): boolean => {
  const known = Known.exit(effect)
  return known !== undefined && Exit.isSuccess(known)
}

export const schedule = <In, R>(given: Schedule.Schedule<unknown, In, R>): Schedule.Schedule<unknown, In, R> =>
  Schedule.makeWithState(
    given.initial,
    (now, input: In, state) =>
      infallible("the retry schedule", () => expected("a step", Array.isArray, given.step(now, input, state)))
  )

export const connectivity = Effect.map(Connectivity, ({ isOffline = () => false, online }) => ({
  online: infallible("online of Connectivity", () => online),
  isOffline: () => call("isOffline of Connectivity", isOffline)
}))

export const hashFunctions: Effect.Effect<typeof HashFunctions.Service> = Effect.map(
  HashFunctions,
  (given) =>
    new Map(Array.from(given, ([algorithm, make]) => [algorithm, () => hasher(`the digest ${algorithm}`, make)]))
)

const hasher = (what: string, make: () => Hasher): Hasher => {
  const given = call(what, make)
  return {
    update: (bytes) => call(what, () => given.update(bytes)),
    copy: () => hasher(what, () => given.copy()),
    digest: () => call(what, () => bytesOf(given.digest()))
  }
}

/** A source of the application. Defects become a `SourceError`: it cannot be read. */
export const source = (given: UploadSource.UploadSource): UploadSource.UploadSource => {
  const { bytes, name } = given
  const unreadable = UploadSource.unreadable(name)
  const read = <A>(make: () => Effect.Effect<A, UploadSource.SourceError>) => {
    const made = Either.try({ try: make, catch: unreadable })
    return Either.isLeft(made) ? Effect.fail(made.left) : isSuccess(made.right) ? made.right : Effect.catchAllCause(
      made.right,
      (cause) => Effect.fail(unreadable(reasonOf(cause)))
    )
  }
  const checked = (pull: Pull.Pull<UploadSource.SourceError>): Pull.Pull<UploadSource.SourceError> =>
    Effect.matchCauseEffect(Effect.map(pull, Chunk.map(bytesOf)), {
      onSuccess: Effect.succeed,
      onFailure: (cause) => {
        const reason = reasonOf(cause)
        return !Option.isOption(reason)
          ? Pull.fail(unreadable(reason))
          : Option.isNone(reason)
          ? Pull.end
          : Pull.fail(unreadable(reason.value))
      }
    })
  return {
    name,
    length: given.length,
    identity: given.identity,
    seekable: given.seekable,
    ready: (offset, size) => read(() => expected("a size", isReady, given.ready(offset, size))),
    read: (offset, size) =>
      Effect.map(read(() => expected("a reading", isReading, given.read(offset, size))), ({ close, pull }) => ({
        pull: checked(pull),
        close: (exit) => infallible(`close of the source ${name}`, () => close(exit))
      })),
    bytes: bytes &&
      ((offset, size) =>
        read(() => expected(`${size} bytes`, (value) => bytesOf(value).length === size, bytes(offset, size)))),
    release: (offset) => infallible(`release of the source ${name}`, () => given.release(offset))
  }
}

const isReady = (value: unknown) => Predicate.hasProperty(value, "size") && Number.isSafeInteger(value.size)

const isReading = (value: unknown) => Predicate.hasProperty(value, "pull") && Predicate.hasProperty(value, "close")

const bytesOf = (value: unknown): Uint8Array => {
  if (!TypeTag.isBytes(value)) {
    throw new TypeError(`expected bytes, got ${TypeTag.of(value)}`)
  }
  return value
}
