/**
 * Copies the bytes of complete parts to their final. It stops for a request that wants the final, and at the end of the
 * server. A part whose bytes have gone is set back.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { expiryAt, type Policy } from "../../protocol/Policy.js"
import { PartGone } from "../../protocol/Refusal.js"
import type { Upload } from "../../protocol/Upload.js"
import { type Lease, UploadLock } from "../../store/UploadLock.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import { isCorrupt } from "../../store/UploadStoreError.js"
import { Signal } from "../../time/Signal.js"

export const make = Effect.fnUntraced(function*(policy: Policy) {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const ending = yield* Effect.acquireRelease(
    Effect.sync(() => new Signal()),
    (ending) => Effect.sync(() => ending.give())
  )

  const setBack = ({ id }: Upload) =>
    Effect.map(
      lock.withLockIfFree(id, ({ fence }) =>
        Effect.flatMap(DateTime.now, (now) => store.recover(id, fence, expiryAt(policy, now)))),
      (recovered) =>
        Option.isSome(Option.flatten(recovered))
    )

  /** Fails if a part was set back: it is open again, so the final cannot be assembled now. */
  const recover = (parts: ReadonlyArray<Upload>) =>
    Effect.flatMap(
      Effect.filter(parts, setBack),
      ([lacking]) => lacking === undefined ? Effect.void : new PartGone({ part: lacking.id })
    )

  const stopped = (lease: Lease) => {
    const requested = new Signal()
    lease.onRequested(() => requested.give())
    return Effect.raceFirst(requested.wait(), ending.wait())
  }

  /** Returns false if it was stopped. Commits nothing. */
  return (final: StoredUpload, parts: ReadonlyArray<Upload>, lease: Lease) =>
    Effect.suspend(() =>
      Effect.raceFirst(
        Effect.as(Effect.interruptible(store.concat(final, parts)), true),
        Effect.as(Effect.interruptible(stopped(lease)), false)
      )
    ).pipe(
      Effect.catchIf(
        isCorrupt,
        (error) => Effect.zipRight(recover(parts), error)
      )
    )
})
