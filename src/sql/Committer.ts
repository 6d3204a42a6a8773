/**
 * Group commit: one fiber writes what everybody else waits for, as much as there is at a time. Knows nothing about SQL.
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

/** `tus_commit_batch_size`: one is a commit that nobody shared, and more than one what sharing has saved. */
export const batchSize = Metric.histogram(
  "tus_commit_batch_size",
  MetricBoundaries.fromIterable([1, 2, 4, 8, 16, 32, 64, 128, 256]),
  "Writes of states that were committed together"
)

export interface Options<W> {
  readonly idOf: (write: W) => string
  /** Writes all or nothing, and tells which of the writes took effect. No two of them are to the same upload. */
  readonly write: (batch: Arr.NonEmptyReadonlyArray<W>) => Effect.Effect<ReadonlySet<string>, UploadStoreError>
  /** Whether no write is to blame for this error. Otherwise each of a failed batch is tried on its own. */
  readonly isOutage: (error: UploadStoreError) => boolean
  /** Writes in a batch, at most. */
  readonly limit: number
}

/**
 * Queues a write and waits until it is done; tells whether it took effect. Writes to the same upload are done in order.
 * Once queued, a write is done even where nobody waits for it any more. When the scope closes, all that was queued is
 * still written.
 */
export const make = <W>(
  options: Options<W>
): Effect.Effect<(write: W) => Effect.Effect<boolean, UploadStoreError>, never, Scope.Scope> =>
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

    return (write) =>
      Effect.async((answer) => {
        const id = options.idOf(write)
        if (!mailbox.unsafeOffer({ id, write, answer })) {
          answer(new UploadStoreError({ reason: "Write", operation: `write the state of ${id} after closing` }))
        }
      })
  })

interface Job<W> {
  readonly id: string
  readonly write: W
  readonly answer: (exit: Exit.Exit<boolean, UploadStoreError>) => void
}

/** Requests that arrived together are read one after the other within one turn of the event loop: let them all join. */
const restOfTurn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** AbortReason where a batch is full, and before a second write to the same upload. */
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
