/**
 * What happens where states and bytes differ: which of the two is set back, and what becomes of bytes that no state
 * counts. The caller holds the lock of the upload.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import type { ByteStore } from "./ByteStore.js"
import type * as FsyncTracker from "./FsyncTracker.js"
import * as Orphans from "./Orphans.js"
import * as Pairing from "./Pairing.js"
import type { StoredUpload } from "./StoredUpload.js"
import type { UploadRegistry } from "./UploadRegistry.js"
import { isCorrupt } from "./UploadStoreError.js"

export const make = (
  registry: UploadRegistry["Type"],
  bytes: ByteStore["Type"],
  syncs: ReturnType<typeof FsyncTracker.make>
) => {
  /** Sets the bytes of an upload aside, and logs why. Returns false if there are none, or no place for orphans. */
  const setAside = Effect.fnUntraced(function*(id: UploadId, why: string) {
    const orphan = bytes.orphans === undefined
      ? Option.none()
      : yield* bytes.orphans.setAside(id, yield* DateTime.now)
    if (Option.isSome(orphan)) {
      yield* Effect.logWarning(`${Orphans.describe(orphan.value)} ${why}`)
    }
    return Option.isSome(orphan)
  })

  /** The offset up to which all bytes are there. Bytes behind a gap do not count. */
  const reached = Effect.fnUntraced(function*({ stored, upload: { id, offset } }: StoredUpload) {
    const size = Option.getOrElse(yield* bytes.size(id), () => 0)
    const tail = size < stored || stored === offset
      ? Effect.succeed(size)
      : Effect.as(registry.tails?.read(id) ?? Effect.void, offset)
    return yield* Effect.catchIf(tail, isCorrupt, () => Effect.succeed(stored))
  })

  return {
    setAside,

    /**
     * Sets an unfinished upload, or a part, back to the bytes that are there, and returns their number. `Option.none`
     * if all are there, or if nothing can be done: for example if the bytes are not those of the registry, because
     * another directory is mounted in their place, or none.
     */
    recover: Effect.fnUntraced(function*(id: UploadId, fence: number, expiresAt?: Option.Option<DateTime.Utc>) {
      const found = yield* registry.claim(id, fence)
      if (Option.isNone(found)) {
        return Option.none<number>()
      }
      const { isOpen, isPartial, offset } = found.value.upload
      const size = yield* reached(found.value)
      if (size >= offset || !(isOpen || isPartial)) {
        return Option.none<number>()
      }
      if (!(yield* Pairing.isSound(registry, bytes))) {
        yield* Effect.logError(
          `${id} lacks bytes, and is left as it is: the bytes that are there belong to another database`
        )
        return Option.none<number>()
      }
      yield* syncs.cut(found.value, size, fence, expiresAt)
      yield* Effect.logError(
        `${id} goes back from ${offset} bytes to ${size}: the others are missing`
      )
      return Option.some(size)
    }, Effect.uninterruptible),

    /** Sets aside the bytes of an id without a state; returns whether the id is free. */
    vacate: (id: UploadId) =>
      Effect.flatMap(bytes.size(id), (size) =>
        Option.contains(size, 0) || Option.isNone(size)
          ? Effect.succeed(true)
          : setAside(id, "are named by no state, and set aside for a new upload"))
  }
}
