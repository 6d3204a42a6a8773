/**
 * The store with a span for each call that concerns one upload.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { UploadId } from "../protocol/Upload.js"
import { UploadStore } from "./UploadStore.js"

/**
 * `store`, with a span named `UploadStore.get` and so on around `get`, `claim`, `create`, `write`, `read`, `commit`,
 * `secure`, `moveTail`, `sync`, `discard`, `concat` and `remove`, which has the id of the upload as `tus.upload.id`. It
 * knows no state without a wait, so that each `get` has its span. The other methods are those of `store`.
 */
export const make = (store: UploadStore["Type"]): UploadStore["Type"] =>
  UploadStore.of({
    ...store,
    known: () => undefined,
    get: (id) => spanned("get", id, store.get(id)),
    claim: (id, fence) => spanned("claim", id, store.claim(id, fence)),
    create: (upload, fence) => spanned("create", upload.id, store.create(upload, fence)),
    write: (entry, pull, onWritten) => spanned("write", entry.upload.id, store.write(entry, pull, onWritten)),
    read: (id, range) => Stream.withSpan(store.read(id, range), "UploadStore.read", options(id)),
    commit: (entry, next, tail) => spanned("commit", next.id, store.commit(entry, next, tail)),
    secure: (entry) => spanned("secure", entry.upload.id, store.secure(entry)),
    moveTail: (entry) => spanned("moveTail", entry.upload.id, store.moveTail(entry)),
    sync: (id) => spanned("sync", id, store.sync(id)),
    discard: (entry) => spanned("discard", entry.upload.id, store.discard(entry)),
    concat: (entry, parts) => spanned("concat", entry.upload.id, store.concat(entry, parts)),
    remove: (entry, options) => spanned("remove", entry.upload.id, store.remove(entry, options))
  })

const options = (id: UploadId) => ({ attributes: { "tus.upload.id": id } })

const spanned = <A, E, R>(name: keyof UploadStore["Type"], id: UploadId, self: Effect.Effect<A, E, R>) =>
  Effect.withSpan(self, `UploadStore.${name}`, options(id)) as Effect.Effect<A, E, R>

/** In front of the store that is provided to it. */
export const layer: Layer.Layer<UploadStore, never, UploadStore> = Layer.effect(
  UploadStore,
  Effect.map(UploadStore, make)
)
