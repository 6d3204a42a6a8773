/**
 * Registry and bytes that can be written only while this process holds the lock of the directory.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ByteStore } from "../../store/ByteStore.js"
import { UploadRegistry } from "../../store/UploadRegistry.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import { DirectoryLock } from "./DirectoryLock.js"

/** Around the provided byte store. */
export const layerBytes: Layer.Layer<ByteStore, never, ByteStore | DirectoryLock> = Layer.effect(
  ByteStore,
  Effect.gen(function*() {
    const bytes = yield* ByteStore
    const { loss } = yield* DirectoryLock
    const { orphans } = bytes
    return ByteStore.of({
      ...bytes,
      append: (id, place, pull, onWritten) => loss() ?? bytes.append(id, place, pull, onWritten),
      truncate: (id, place) => loss() ?? bytes.truncate(id, place),
      concat: (id, parts, fence) => loss() ?? bytes.concat(id, parts, fence),
      remove: (id, fence) => loss() ?? bytes.remove(id, fence),
      orphans: orphans && {
        ...orphans,
        setAside: (id, since) => loss() ?? orphans.setAside(id, since),
        putBack: (orphan) => loss() ?? orphans.putBack(orphan),
        remove: (orphan) => loss() ?? orphans.remove(orphan)
      }
    })
  })
)

/** Around the provided registry. */
export const layerRegistry: Layer.Layer<UploadRegistry, never, DirectoryLock | UploadRegistry> = Layer.effect(
  UploadRegistry,
  Effect.gen(function*() {
    const { loss } = yield* DirectoryLock
    return guarded(yield* UploadRegistry, loss)
  })
)

/** Fails before each write if there is a `loss`. */
export const guarded = (
  registry: UploadRegistry["Type"],
  loss: () => UploadStoreError | undefined
): UploadRegistry["Type"] =>
  UploadRegistry.of({
    ...registry,
    claim: (id, fence) => loss() ?? registry.claim(id, fence),
    create: (upload, options) => loss() ?? registry.create(upload, options),
    commit: (entry, next, options) => loss() ?? registry.commit(entry, next, options),
    remove: (entry, options) => loss() ?? registry.remove(entry, options)
  })
