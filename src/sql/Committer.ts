/**
 * Group commit: one fiber performs the queued writes of all requests in batches. Knows nothing about SQL.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Mailbox from "effect/Mailbox"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { UploadStoreError } from "../store/UploadStoreError.js"

/** `tus_commit_batch_size`: how many writes shared a transaction. */
export const batchSize = Metric.histogram(
  "tus_commit_batch_size",
  MetricBoundaries.fromIterable([1, 2, 4, 8, 16, 32, 64, 128, 256]),
  "Writes of states that were committed together"
)

export interface Options<W> {
  readonly idOf: (write: W) => string
  /** Performs all writes or none, and returns which of them took effect. No two of them are for the same upload. */
  readonly write: (batch: Arr.NonEmptyReadonlyArray<W>) => Effect.Effect<ReadonlySet<string>, UploadStoreError>
  /** Whether the error is not caused by a single write. Otherwise each write of a failed batch is tried on its own. */
  readonly isOutage: (error: UploadStoreError) => boolean
  /** The most writes in a batch. */
  readonly limit: number
}

/**
 * Queues a write and waits until it is done; `result` learns whether it took effect, `failed` that it has failed.
 * Writes for the same upload are done in order. A queued write is done even if nobody waits for it any more, also when
 * the scope closes.
 */
export type Commit<W> = <A, E>(
  write: W,
  result: (tookEffect: boolean) => Effect.Effect<A, E>,
  failed?: (error: UploadStoreError) => Effect.Effect<A, E | UploadStoreError>
) => Effect.Effect<A, E | UploadStoreError>

/** Performs writes until the scope closes. */
export const make = <W>(options: Options<W>): Effect.Effect<Commit<W>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const mailbox = yield* Mailbox.make<Job<W>>()

    const writeBatch = (batch: Arr.NonEmptyReadonlyArray<Job<W>>): Effect.Effect<void> =>
      Effect.matchCauseEffect(Effect.suspend(() => options.write(Arr.map(batch, ({ write }) => write))), {
        onSuccess: (done) =>
          Effect.sync(() => {
            batchSize.unsafeUpdate(batch.length, [])
            batch.forEach(({ answer, id }) => answer(Exit.succeed(done.has(id))))
          }),
        onFailure: (cause) =>
          batch.length > 1 && !Option.exists(Cause.failureOption(cause), options.isOutage)
            ? Effect.forEach(batch, (job) => writeBatch([job]), { discard: true })
            : Effect.sync(() => batch.forEach(({ answer }) => answer(Exit.failCause(cause))))
      })

    const drain: Effect.Effect<void> = Effect.gen(function*() {
      while (true) {
        const [first, isDone] = yield* mailbox.takeAll
        yield* restOfTurn
        const rest = yield* mailbox.clear
        yield* Effect.forEach(split([...first, ...rest], options.limit), writeBatch, { discard: true })
        if (isDone) {
          return
        }
      }
    })

    const fiber = yield* Effect.forkScoped(drain)
    yield* Effect.addFinalizer(() => Effect.zipRight(mailbox.end, fiber.await))

    return <A, E>(
      write: W,
      result: (tookEffect: boolean) => Effect.Effect<A, E>,
      failed: (error: UploadStoreError) => Effect.Effect<A, E | UploadStoreError> = Effect.fail
    ) =>
      Effect.async<A, E | UploadStoreError>((resume) => {
        const id = options.idOf(write)
        const answer: Job<W>["answer"] = (exit) =>
          resume(Exit.isSuccess(exit) ? result(exit.value) : Effect.catchAll(Exit.failCause(exit.cause), failed))
        if (!mailbox.unsafeOffer({ id, write, answer })) {
          const cause = new Error("the registry is closed")
          resume(new UploadStoreError({ reason: "Write", operation: `write the state of ${id}`, cause }))
        }
      })
  })

interface Job<W> {
  readonly id: string
  readonly write: W
  readonly answer: (exit: Exit.Exit<boolean, UploadStoreError>) => void
}

/**
 * Requests that arrived together are read within one turn of the event loop: yield, so that all of them join the batch.
 */
const restOfTurn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Splits where a batch is full, and before a second write for the same upload. */
const split = <W>(jobs: ReadonlyArray<Job<W>>, limit: number): ReadonlyArray<Arr.NonEmptyReadonlyArray<Job<W>>> => {
  const batches: Array<Arr.NonEmptyArray<Job<W>>> = []
  const seen = new Set<string>()
  for (const job of jobs) {
    const batch = batches.at(-1)
    if (batch === undefined || batch.length === limit || seen.has(job.id)) {
      batches.push([job])
      seen.clear()
    } else {
      batch.push(job)
    }
    seen.add(job.id)
  }
  return batches
}
