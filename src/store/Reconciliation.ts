/**
 * Where states and bytes differ: which of the two goes back, and what becomes of bytes that no state counts. For
 * whoever holds the lock of the upload.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Upload, UploadId } from "../protocol/Upload.js"
import type { ByteStore } from "./ByteStore.js"
import type * as FsyncTracker from "./FsyncTracker.js"
import * as Orphans from "./Orphans.js"
import * as Pairing from "./Pairing.js"
import type { UploadRegistry } from "./UploadRegistry.js"
import type { UploadStoreError } from "./UploadStoreError.js"

export const make = (
  registry: UploadRegistry["Type"],
  bytes: ByteStore["Type"],
  syncs: ReturnType<typeof FsyncTracker.make>
) => {
  /** Tells whether there is a place for what is set aside. */
  const setAside = Effect.fnUntraced(function*(id: UploadId, why: string) {
    const orphan = bytes.orphans === undefined
      ? Option.none()
      : yield* bytes.orphans.setAside(id, yield* DateTime.now)
    if (Option.isSome(orphan)) {
      yield* Effect.logWarning(`${Orphans.describe(orphan.value)} ${why}`)
    }
    return Option.isSome(orphan)
  })

  const forget = (id: UploadId) => bytes.spare?.(id) ?? Effect.void

  return {
    /**
     * Has an upload that is unfinished, or a part, go back to the bytes that are there, and tells how many. None where
     * all are there, or nothing can be done; nothing is decided where the bytes are not those of the registry, such as
     * a directory in whose place another one is mounted, or none.
     */
    recover: Effect.fnUntraced(function*(id: UploadId, fence: number, expiresAt?: Option.Option<DateTime.Utc>) {
      const found = yield* registry.get(id)
      if (Option.isNone(found)) {
        return Option.none<number>()
      }
      const { isOpen, isPartial, offset } = found.value.upload
      const size = Option.getOrElse(yield* bytes.size(id), () => 0)
      if (size >= offset || !(isOpen || isPartial)) {
        return Option.none<number>()
      }
      if (!(yield* Pairing.isSound(registry, bytes))) {
        yield* Effect.logError(
          `${id} lacks bytes, and stays as it is: what is there is not what belongs to the database`
        )
        return Option.none<number>()
      }
      yield* syncs.cut(found.value, size, fence, expiresAt)
      yield* Effect.logError(
        `${id} goes back from ${offset} bytes to ${size}: the others have gone from where they were`
      )
      return Option.some(size)
    }, Effect.uninterruptible),

    /** Sets aside what is stored under an id that has no state; tells whether the id is free. */
    vacate: (id: UploadId) =>
      Effect.flatMap(bytes.size(id), (size) =>
        Option.contains(size, 0) || Option.isNone(size)
          ? Effect.succeed(true)
          : setAside(id, "are named by no state, and set aside for a new upload")),

    /** Removes a state, with a word before it, where there is room for one, that nobody wants its bytes. */
    condemning: <A, E>(id: UploadId, remove: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      bytes.condemn === undefined
        ? remove
        : Effect.zipRight(
          Effect.ignore(bytes.condemn(id)),
          Effect.tapErrorCause(remove, () => Effect.ignoreLogged(forget(id)))
        ),

    /** What is to be forgotten goes last: as long as there are bytes, it is known that nobody wants them. */
    removeCondemned: (id: UploadId): Effect.Effect<void, UploadStoreError> =>
      Effect.zipRight(bytes.remove(id), Effect.ignoreLogged(forget(id))),

    /**
     * Removes the bytes of an upload whose state is gone, unless there are more than it counted: then all are set
     * aside.
     */
    removeCounted: ({ id, offset }: Upload) =>
      Effect.flatMap(bytes.size(id), (size) =>
        Option.exists(size, (size) => size > offset)
          ? setAside(id, `are more than the ${offset} that counted of an upload whose time is over, and set aside`)
          : bytes.remove(id))
  }
}
