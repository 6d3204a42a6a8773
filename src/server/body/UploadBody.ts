/**
 * The bytes of a request as they arrive, and the ways in which they can stop short. Doors make them, the interpreter
 * takes them; neither knows the other.
 */
import * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { Interrupted } from "../../protocol/Refusal.js"

/** Why a body ended before its announced end. */
export type AbortReason = Interrupted["reason"]

/** The body of one request, which is read once. */
export interface UploadBody {
  /**
   * Waits for the next bytes; fails with none at the end of the body, with a reason where it is cut off. The bytes are
   * lent: their memory may be given back or used again with the next pull.
   */
  readonly pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<AbortReason>>
  /** The bytes end here: whoever waits for the next ones waits no longer. A body that has arrived whole stays whole. */
  readonly stop: (reason: AbortReason) => void
  /** The fields that followed the body, by lower-case name; only after its end. */
  readonly trailers: Effect.Effect<Readonly<Record<string, string | undefined>>>
  /** Somebody else has read it. */
  readonly isConsumed?: boolean
}

/** The body of a request that has none. */
export const empty: UploadBody = {
  pull: Effect.fail(Option.none()),
  stop: () => {},
  trailers: Effect.succeed({})
}

/** A body that was read by somebody else is the mistake of whoever put the server together, and so a defect. */
export class BodyConsumed extends Data.TaggedError("BodyConsumed") {
  override readonly message =
    "the server has read the body of this request before it came to the upload: no body parser may take it there"
}

/** What the runtimes tell of a body, of that of a `Request` and of an `IncomingMessage`. */
interface Readable {
  readonly bodyUsed?: boolean
  readonly body?: { readonly locked: boolean } | null
  readonly readableDidRead?: boolean
  readonly readableFlowing?: boolean | null
}

/** Whether somebody else reads a body, or has: what is left of it is not what was sent. */
export const isConsumed = (source: unknown): boolean => {
  const { body, bodyUsed, readableDidRead, readableFlowing } = source as Readable
  return bodyUsed === true || body?.locked === true || readableDidRead === true || readableFlowing === true
}

/** A body of which nothing is left to be pulled. */
export const consumed: UploadBody = { ...empty, isConsumed: true }

/** How bodies are treated that do not arrive. */
export interface Options {
  /** A body from which no byte arrives for so long is cut off; what came is kept. 30 seconds by default. */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/** What `idleTimeout` is where nothing is given. */
export const defaultIdleTimeout: Duration.DurationInput = "30 seconds"

type Source<E> = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<E>>

/**
 * A body from any source that is pulled; a failure of the source is the sender's going away. `rest` reads on where the
 * interpreter has stopped and throws away what comes, for a moment: a connection that is closed on a client who still
 * sends is reset, and the client never sees the answer.
 */
export const fromPull = <E>(
  source: Source<E>,
  options: Options
): UploadBody & { readonly rest: Effect.Effect<void> } => {
  const stopped = Deferred.unsafeMake<never, Option.Option<AbortReason>>(FiberId.none)
  // Yields once before it stops, so that bytes that were received already are delivered first.
  const stop = Effect.tapError(Deferred.await(stopped), () => Effect.sleep(0))
  let begun = false
  let ended = false
  const observed = Effect.suspend(() => {
    begun = true
    return Effect.tapErrorCause(source, (cause) =>
      Effect.sync(() => {
        ended = !Cause.isInterruptedOnly(cause)
      }))
  })
  const awaited = observed.pipe(
    Effect.mapError(Option.map((): AbortReason => "Disconnected")),
    (reading) => within(reading, options.idleTimeout ?? defaultIdleTimeout, () => Option.some<AbortReason>("Idle"))
  )
  return {
    // `raceFirst` does not wait for the loser when it is interrupted. The scope makes sure that this read has ended
    // before `rest` starts another one.
    pull: Effect.scoped(
      Effect.flatMap(
        Effect.forkScoped(Effect.exit(awaited)),
        (reading) => Effect.raceFirst(Effect.flatten(Fiber.join(reading)), stop)
      )
    ),
    stop: (reason) => Deferred.unsafeDone(stopped, Effect.fail(Option.some(reason))),
    trailers: Effect.succeed({}),
    rest: Effect.suspend(() =>
      begun && !ended
        ? Effect.interruptible(Effect.forever(observed)).pipe(Effect.timeout(lingering), Effect.ignore)
        : Effect.void
    )
  }
}

/** How long a client who still sends is listened to after the answer. */
export const lingering: Duration.DurationInput = "2 seconds"

/**
 * Fails where `self` takes longer. What has arrived meanwhile is looked at before: a process that was stopped for a
 * while wakes up behind the time of its clients, and has not read yet what they have sent.
 */
export const within = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  duration: Duration.DurationInput,
  late: () => E2
): Effect.Effect<A, E | E2, R> =>
  Effect.raceFirst(
    self,
    Effect.sleep(duration).pipe(Effect.zipRight(Effect.sleep(0)), Effect.zipRight(Effect.failSync(late)))
  )
