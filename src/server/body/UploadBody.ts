/**
 * The body of a request as it arrives, and the ways in which it can end early. Doors make bodies, the interpreter reads
 * them; neither knows the other.
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
import type { Trailers } from "../../protocol/Transfer.js"

/** Why a body ended before its announced end. */
export type AbortReason = Interrupted["reason"]

/** The body of one request, which is read once. */
export interface UploadBody {
  /**
   * Waits for the next bytes. Fails with `Option.none` at the end of the body, and with a reason if it is cut off. The
   * bytes are lent: their memory may be reused with the next pull.
   */
  readonly pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<AbortReason>>
  /** Ends the body, also for a pull that waits. A body that has arrived whole stays whole. */
  readonly stop: (reason: AbortReason) => void
  /** Returns once `stop` has been called. What delays a pull, other than the network, waits no longer then. */
  readonly stopped: Effect.Effect<void>
  /** The trailer fields, by lower-case name; to be read after the end of the body. */
  readonly trailers: Effect.Effect<Trailers>
  /** Whether the last bytes have been pulled, and the next pull is known to be the end. Left out where nobody knows. */
  readonly hasEnded?: () => boolean
  /**
   * Hands over at once what has arrived of a small body, for which a pull otherwise waits until it is whole. Returns
   * whether that is anything.
   */
  readonly flush?: () => boolean
  /** Another reader, such as a body parser, has read it. */
  readonly isConsumed?: boolean
}

/** The body of a request that has none. */
export const empty: UploadBody = {
  pull: Effect.fail(Option.none()),
  stop: () => {},
  stopped: Effect.never,
  trailers: Effect.succeed({})
}

/** Another reader has read the body: a mistake in how the server is put together, and so a defect. */
export class BodyConsumed extends Data.TaggedError("BodyConsumed") {
  override readonly message =
    "the server has read the body of this request before it came to the upload: no body parser may take it there"
}

/** How a `Request` and an `IncomingMessage` tell that their body was read. */
interface Readable {
  readonly bodyUsed?: boolean
  readonly body?: { readonly locked: boolean } | null
  readonly readableDidRead?: boolean
  readonly readableFlowing?: boolean | null
}

/** Whether another reader reads the body or has read it, so that bytes are missing. */
export const isConsumed = (source: unknown): boolean => {
  const { body, bodyUsed, readableDidRead, readableFlowing } = source as Readable
  return bodyUsed === true || body?.locked === true || readableDidRead === true || readableFlowing === true
}

/** A body that another reader has read. */
export const consumed: UploadBody = { ...empty, isConsumed: true }

/** How long a body may be silent. */
export interface Options {
  /** A body is cut off if no byte arrives for this time; its bytes are kept. 30 seconds by default. */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/** The default of `idleTimeout`. */
export const defaultIdleTimeout: Duration.DurationInput = "30 seconds"

type Source<E> = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<E>>

/**
 * A body from any source. A failure of the source counts as a disconnected client. `rest` reads on for a moment where
 * the interpreter stopped, and drops the bytes: closing a connection on which the client still sends resets it, and the
 * client never sees the answer.
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
    stopped: Effect.ignore(Deferred.await(stopped)),
    trailers: Effect.succeed({}),
    rest: Effect.suspend(() =>
      begun && !ended
        ? Effect.interruptible(Effect.forever(observed)).pipe(Effect.timeout(lingering), Effect.ignore)
        : Effect.void
    )
  }
}

/** How long the server reads on after the answer while the client still sends. */
export const lingering: Duration.DurationInput = "2 seconds"

/**
 * Fails if `self` takes longer. Input that has arrived is read first: a process that was stopped for a while wakes up
 * late, and has not read yet what its clients have sent.
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
