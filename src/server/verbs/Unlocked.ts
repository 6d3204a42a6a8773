/**
 * Refusals that need no lock: nobody holds the upload, and its state is known.
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type { Refusal } from "../../protocol/Refusal.js"
import type { Upload, UploadId } from "../../protocol/Upload.js"
import type { UploadLock } from "../../store/UploadLock.js"
import type { UploadStore } from "../../store/UploadStore.js"

/** The refusal of `decide`; undefined if there is none, or if the lock is needed to decide. */
export const make = (store: UploadStore["Type"], lock: UploadLock["Type"]) =>
(
  id: UploadId,
  decide: (upload: Upload) => Either.Either<unknown, Refusal>
): Effect.Effect<never, Refusal> | undefined => {
  const entry = lock.isFree?.(id) === true ? store.known(id) : undefined
  const decided = entry && decide(entry.upload)
  return decided !== undefined && Either.isLeft(decided) ? Exit.fail(decided.left) : undefined
}
