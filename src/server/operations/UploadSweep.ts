/**
 * Acts on stored uploads for which nobody asks any more: each under its lock, if the lock is free.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Dialect from "../../protocol/Dialect.js"
import type { Upload, UploadId } from "../../protocol/Upload.js"
import { ByteStore } from "../../store/ByteStore.js"
import { UploadLock } from "../../store/UploadLock.js"
import { type Due, type Page, pages, type StoredUpload, UploadRegistry } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import { TusServer } from "../TusServer.js"
import { each } from "../verbs/Background.js"
import * as HookRunner from "../verbs/HookRunner.js"
import * as Removal from "../verbs/Removal.js"

export const make = Effect.gen(function*() {
  const registry = yield* UploadRegistry
  const bytes = yield* ByteStore
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const server = yield* TusServer
  const removal = yield* Removal.make(yield* HookRunner.make)

  /** Removes an upload if `deserves` still holds under the lock. */
  const removeIf = (
    id: UploadId,
    deserves: (upload: Upload) => boolean,
    remove: (entry: StoredUpload) => Effect.Effect<void, unknown>
  ) =>
    lock.withLockIfFree(
      id,
      ({ fence }) =>
        Effect.flatMap(registry.claim(id, fence), (entry) =>
          Option.isSome(entry) && deserves(entry.value.upload) ? remove(entry.value) : Effect.void)
    )

  return {
    expire: Effect.flatMap(
      DateTime.now,
      (now) =>
        each(
          pages((page: Page<Due>) => registry.expired(now, page)),
          ({ id }) => removeIf(id, (upload) => upload.isOpen && upload.hasExpired(now), removal.expire)
        )
    ),

    finishPending: each(store.pending, server.finishPending),

    /** If the response to a final was lost, the client may create it again, so this is checked under the lock. */
    removeUsedPartials: each(
      pages(registry.consumedParts),
      (id) =>
        removeIf(
          id,
          (upload) => Dialect.isServed(upload) && upload.isPartial && !upload.isOpen,
          (entry) => Effect.uninterruptible(store.remove(entry, { unlessNamed: true, by: "server" }))
        )
    ),

    /** Sets unfinished uploads back to the bytes that are there, as a PATCH would. */
    recover: each(
      pages(registry.withBytes),
      ({ id, offset }) =>
        Effect.whenEffect(
          lock.withLockIfFree(id, ({ fence }) => store.recover(id, fence)),
          Effect.map(bytes.size(id), (size) => offset > Option.getOrElse(size, () => 0))
        )
    )
  }
})
