/**
 * A write-through cache for the states of the uploads in use, in front of a registry to which nobody else writes. A
 * claim stays in the cache: the lock of the process is enough to keep writers apart.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import * as RecentStates from "./RecentStates.js"
import { type StoredUpload, UploadRegistry } from "./UploadRegistry.js"
import { Superseded } from "./UploadStoreError.js"

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
  const { find, forget, remember, use } = RecentStates.make(capacity)
  let writes = 0

  /** A read during a write may return the state before the write, so it is not cached. */
  const caching = <A, E>(read: Effect.Effect<A, E>, found: (read: A) => ReadonlyArray<Option.Option<StoredUpload>>) =>
    Effect.suspend(() => {
      const before = writes
      return Effect.tap(read, (read) =>
        Effect.sync(() => {
          if (before === writes) {
            found(read).forEach(Option.map(remember))
          }
        }))
    })

  const read = (id: UploadId) => caching(registry.get(id), (found) => [found])

  /** A state that has left the cache meanwhile is not remembered: a write may be under way. */
  const claimed = (entry: StoredUpload, fence: number): Exit.Exit<Option.Option<StoredUpload>, Superseded> => {
    const { id } = entry.upload
    if (entry.fence > fence) {
      return Exit.fail(new Superseded({ id }))
    }
    const claim = { ...entry, fence }
    if (find(id) === entry) {
      remember(claim)
    }
    return Exit.succeed(Option.some(claim))
  }

  /**
   * Uninterruptible, or the write might take effect later. The result of a failed write is not known. A write under a
   * fence below that of a claim fails.
   */
  const writing = <A, E>(id: UploadId, fence: number, write: Effect.Effect<A, E>, update: (written: A) => void) =>
    Effect.uninterruptible(
      Effect.suspend((): Effect.Effect<A, E | Superseded> =>
        (find(id)?.fence ?? 0) > fence ? new Superseded({ id }) : Effect.matchCauseEffect(write, {
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
        })
      )
    )

  return UploadRegistry.of({
    ...registry,
    get: (id) =>
      Effect.suspend(() => {
        const entry = use(id)
        return entry === undefined ? read(id) : Exit.succeed(Option.some(entry))
      }),
    known: use,
    getAll: (ids) =>
      Effect.suspend(() => {
        const known = new Map(ids.map((id) => [id, find(id)]))
        const unknown = ids.filter((id) => known.get(id) === undefined)
        const read = unknown.length === 0 ? Effect.succeed([]) : caching(registry.getAll(unknown), identity)
        return Effect.map(read, (found) => {
          unknown.forEach((id, at) => known.set(id, Option.getOrUndefined(found[at] ?? Option.none())))
          return ids.map((id) => Option.fromNullable(known.get(id)))
        })
      }),
    claim: (id, fence) =>
      Effect.suspend(() => {
        const entry = use(id)
        return entry === undefined
          ? Effect.flatMap(
            read(id),
            (found) => Option.isNone(found) ? Exit.succeed(found) : claimed(found.value, fence)
          )
          : claimed(entry, fence)
      }),
    create: (upload, options) => writing(upload.id, options.fence, registry.create(upload, options), remember),
    commit: (entry, next, options) => writing(next.id, options.fence, registry.commit(entry, next, options), remember),
    remove: (entry, options) =>
      writing(entry.upload.id, options.fence, registry.remove(entry, options), () => forget(entry.upload.id))
  })
}

/** In front of the registry that is provided to it. */
export const layer = (options?: Options): Layer.Layer<UploadRegistry, never, UploadRegistry> =>
  Layer.effect(UploadRegistry, Effect.map(UploadRegistry, (registry) => make(registry, options)))
