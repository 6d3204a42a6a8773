/**
 * Moves the tails of complete uploads into the byte store after their clients were answered. If too many wait, a
 * request moves its own tail, and is answered then.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type { UploadId } from "../../protocol/Upload.js"
import { type StoredUpload, tailOf } from "../../store/StoredUpload.js"
import { quietly } from "./Background.js"

/** The most uploads, and bytes of them, that wait. */
const limits = { uploads: 1024, bytes: 16 * 1024 * 1024 }

/** How many move at a time. Their commits share a transaction. */
const atOnce = 16

/** How long the end of the server waits for the last ones. The next server moves the rest. */
const deadline: Duration.DurationInput = "10 seconds"

/** `move` takes the lock of the upload, and does nothing if another has moved the tail. */
export const make = Effect.fnUntraced(function*(move: (id: UploadId) => Effect.Effect<unknown, unknown>) {
  const waiting: Array<StoredUpload> = []
  const pending = { uploads: 0, bytes: 0 }
  let working = 0
  let isClosed = false

  const workers = yield* FiberSet.make<void>()
  const run = yield* FiberSet.runtime(workers)<never>()
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosed = true
      return Effect.timeoutOption(Effect.interruptible(FiberSet.awaitEmpty(workers)), deadline)
    }).pipe(Effect.flatMap((done) =>
      Option.isSome(done)
        ? Effect.void
        : Effect.logWarning(
          `the files of ${pending.uploads} uploads were not written within ${
            Duration.format(Duration.decode(deadline))
          }: the next start writes them`
        )
    ))
  )

  const work: Effect.Effect<void> = Effect.suspend(() => {
    const entry = waiting.shift()
    if (entry === undefined) {
      working--
      return Effect.void
    }
    return Effect.flatMap(quietly(move(entry.upload.id)), () => {
      pending.uploads--
      pending.bytes -= tailOf(entry)
      return work
    })
  })

  return {
    /** Whether there is room for one more. */
    hasRoom: () => !isClosed && pending.uploads < limits.uploads && pending.bytes < limits.bytes,

    /** Moves the tail later, under the lock that the caller holds now. */
    later: (entry: StoredUpload): void => {
      pending.uploads++
      pending.bytes += tailOf(entry)
      waiting.push(entry)
      if (working < atOnce) {
        working++
        run(work)
      }
    }
  }
})
