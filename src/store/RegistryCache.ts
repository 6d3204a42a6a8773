/**
 * A write-through cache for the states of the uploads in use, in front of a registry to which nobody else writes.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as FinalAnswer from "../protocol/FinalAnswer.js"
import type { UploadId } from "../protocol/Upload.js"
import { type StoredUpload, UploadRegistry } from "./UploadRegistry.js"

/** The size of the cache. A smaller cache costs more reads, and changes no answer. */
export interface Options {
  /**
   * How many states are cached at most; at least half as many of the latest ones are. 10,000 by default, about 10 MiB.
   * An answer that is stored with a state counts as one more state per KiB.
   */
  readonly capacity?: number | undefined
}

/**
 * `registry` with a cache in front. Nobody else may write to `registry` from then on, in this process or another. After
 * a failed write the state is read again.
 */
export const make = (registry: UploadRegistry["Type"], { capacity = 10_000 }: Options = {}) => {
  /** Two halves, so that no order has to be kept: when one is full, the older one is dropped. */
  let recent = new Map<UploadId, StoredUpload>()
  let earlier: typeof recent = new Map()
  /** Of `recent`. */
  let weight = 0
  let writes = 0

  const remember = (entry: StoredUpload) => {
    const { id } = entry.upload
    if (capacity < 1 || recent.get(id) === entry) {
      return
    }
    weight += weightOf(entry) - weightOf(recent.get(id))
    recent.set(id, entry)
    if (weight * 2 >= capacity) {
      earlier = recent
      recent = new Map()
      weight = 0
    }
  }

  const forget = (id: UploadId) => {
    weight -= weightOf(recent.get(id))
    recent.delete(id)
    earlier.delete(id)
  }

  /** A read during a write may return the state before the write, so it is not cached. */
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
   * Uninterruptible, or the write might take effect later. The result of a failed write is not known.
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

const weightOf = (entry: StoredUpload | undefined): number => {
  const completion = entry?.upload.completion
  const answer = completion?._tag === "Complete" ? completion.answer : Option.none()
  return entry === undefined
    ? 0
    : 1 + Option.match(answer, { onNone: () => 0, onSome: (answer) => Math.ceil(FinalAnswer.sizeOf(answer) / 1024) })
}

/** In front of the registry that is provided to it. */
export const layer = (options?: Options): Layer.Layer<UploadRegistry, never, UploadRegistry> =>
  Layer.effect(UploadRegistry, Effect.map(UploadRegistry, (registry) => make(registry, options)))
