/**
 * The states of the uploads that are being worked on, kept in memory in front of a registry to which nobody else
 * writes: each write goes through to it and is remembered, so what is read here is what is stored there.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import { type StoredUpload, UploadRegistry } from "./UploadRegistry.js"

/** What is remembered. Fewer states cost more reads, and change no answer. */
export interface Options {
  /**
   * How many states are remembered at most, and at least half as many: those of the uploads that were asked for last.
   * 10,000 by default: about 10 MiB.
   */
  readonly capacity?: number | undefined
}

/**
 * `registry`, with the memory in front of it. Nobody else may write to `registry` from then on, in this process or
 * another. Of a write that failed nothing is remembered, and the state is read anew.
 */
export const make = (registry: UploadRegistry["Type"], { capacity = 10_000 }: Options = {}) => {
  /** Two halves, so that nothing has to be kept in order: where one is full, the one before it is forgotten. */
  let recent = new Map<UploadId, StoredUpload>()
  let earlier: typeof recent = new Map()
  let writes = 0

  const remember = (entry: StoredUpload) => {
    if (capacity < 1) {
      return
    }
    recent.set(entry.upload.id, entry)
    if (recent.size * 2 >= capacity) {
      earlier = recent
      recent = new Map()
    }
  }

  const forget = (id: UploadId) => {
    recent.delete(id)
    earlier.delete(id)
  }

  /** What was read while something was written may be what it was before. */
  const load = (id: UploadId) =>
    Effect.suspend(() => {
      const before = writes
      return Effect.tap(registry.get(id), (found) =>
        Effect.sync(() => {
          if (before === writes && Option.isSome(found)) {
            remember(found.value)
          }
        }))
    })

  /**
   * Waited for to the end, or it might take effect when nobody looks any more. What became of a failed one is not
   * known.
   */
  const writing = <A, E>(id: UploadId, write: Effect.Effect<A, E>, update: (written: A) => void) =>
    Effect.uninterruptible(Effect.matchCauseEffect(write, {
      onFailure: (cause) => {
        writes++
        forget(id)
        return Effect.failCause(cause)
      },
      onSuccess: (written) => {
        writes++
        update(written)
        return Effect.succeed(written)
      }
    }))

  return UploadRegistry.of({
    ...registry,
    get: (id) =>
      Effect.suspend(() => {
        const entry = recent.get(id) ?? earlier.get(id)
        if (entry === undefined) {
          return load(id)
        }
        remember(entry)
        return Effect.succeedSome(entry)
      }),
    create: (upload, options) => writing(upload.id, registry.create(upload, options), remember),
    commit: (entry, next, options) => writing(next.id, registry.commit(entry, next, options), remember),
    remove: (entry, options) => writing(entry.upload.id, registry.remove(entry, options), () => forget(entry.upload.id))
  })
}

/** In front of the registry that is provided to it. */
export const layer = (options?: Options): Layer.Layer<UploadRegistry, never, UploadRegistry> =>
  Layer.effect(UploadRegistry, Effect.map(UploadRegistry, (registry) => make(registry, options)))
