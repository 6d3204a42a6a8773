/**
 * A byte store as one writer sees it, for tests in which nobody takes an upload over.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type * as Upload from "../protocol/Upload.js"
import * as ByteStore from "../store/ByteStore.js"

const fence = 1

/** Makes all bytes of an upload readable: a store that reads only what is sealed has to seal it. */
export const makeReadable = (store: ByteStore.ByteStore["Type"]) => (id: Upload.UploadId) =>
  Effect.flatMap(store.size(id), (size) =>
    store.reads === "sealed" && Option.isSome(size)
      ? store.seal?.(id, { length: size.value, fence }) ?? Effect.void
      : Effect.void)

/** Every write has the same fence, and abilities that the store does not have do nothing. */
export const underOneFence = (store: ByteStore.ByteStore["Type"]) => ({
  ...store,
  append: <E, R, E2, R2>(
    id: Upload.UploadId,
    at: number,
    bytes: Stream.Stream<Uint8Array, E, R>,
    onWritten: (end: number) => Effect.Effect<void, E2, R2>
  ) => ByteStore.appendStream(store)(id, { at, fence }, bytes, onWritten),
  truncate: (id: Upload.UploadId, at: number) => store.truncate(id, { at, fence }),
  concat: (id: Upload.UploadId, parts: Parameters<typeof store.concat>[1]) =>
    Effect.zipRight(
      Effect.forEach(parts, (part) => makeReadable(store)(part.id), { discard: true }),
      store.concat(id, parts, fence)
    ),
  remove: (id: Upload.UploadId) => store.remove(id, fence),
  sync: (id: Upload.UploadId) => store.sync?.(id) ?? Effect.void,
  release: (id: Upload.UploadId) => store.release?.(id) ?? Effect.void
})
