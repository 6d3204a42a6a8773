/**
 * One who holds an upload for as long as a test wants.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { UploadId } from "../../protocol/Upload.js"
import type { UploadLock } from "../../store/UploadLock.js"

/** Holds the lock until told to leave. Fails if the lock cannot be taken. */
export const hold = Effect.fnUntraced(function*(lock: UploadLock["Type"], upload: UploadId) {
  const entered = yield* Deferred.make<number>()
  const asked = yield* Deferred.make<void>()
  const left = yield* Deferred.make<void>()
  const fiber = yield* Effect.forkScoped(lock.withLock(upload, ({ fence, onRequested }) => {
    onRequested(() => Deferred.unsafeDone(asked, Effect.void))
    return Effect.zipRight(Deferred.succeed(entered, fence), Deferred.await(left))
  }))
  return {
    fence: yield* Effect.raceFirst(Deferred.await(entered), Effect.zipRight(Fiber.join(fiber), Effect.never)),
    asked: Deferred.await(asked),
    isAsked: Deferred.isDone(asked),
    leave: Effect.zipRight(Deferred.succeed(left, undefined), Fiber.join(fiber))
  }
})
