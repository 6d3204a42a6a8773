/**
 * What uploads take, summed up by owner and kept in memory, in front of a registry to which nobody else writes. What is
 * about to come is held, so that requests that run at the same time do not count on the same room.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Upload, UploadId } from "../protocol/Upload.js"
import { UploadRegistry } from "./UploadRegistry.js"
import type { UploadStoreError } from "./UploadStoreError.js"
import * as Usage from "./Usage.js"

/**
 * What `UploadLimits` asks how much room is taken. `layer` provides it together with the registry whose writes it
 * counts.
 */
export class UsageLedger extends Context.Tag("effect-tus/UsageLedger")<UsageLedger, {
  /** What the uploads of an owner take, or all that have none, with what is held. */
  readonly usageOf: (owner: Option.Option<string>) => Usage.Usage
  /** What all uploads take, with what is held. */
  readonly total: () => Usage.Usage
  /** Bytes that have come to count since it was built: never less than before. */
  readonly grown: () => number
  /**
   * Counts an upload as one of `size` bytes until it is released. `current` is its state, none before it is created. Of
   * an upload one thing is held at a time: whoever holds has its lock.
   */
  readonly hold: (upload: Pick<Upload, "id" | "owner">, current: Upload | undefined, size: number) => Hold
}>() {}

/** Room that is held for an upload. */
export interface Hold {
  /** What the upload takes of its owner's usage and of that of all, with what is held. */
  readonly taken: () => Usage.Usage
  /** Holds as many bytes in all from now on. */
  readonly resize: (size: number) => void
  readonly release: () => void
}

/**
 * A context of two: the ledger, and in front of `registry` the one whose writes it counts; what is written past that
 * one is not counted. Sums up `usageByOwner` once, and fails with the `UploadStoreError` of that.
 */
export const make = (registry: UploadRegistry["Type"]) =>
  Effect.map(registry.usageByOwner, (stored) => {
    const usageByOwner = new Map<string | undefined, Usage.Usage>()
    const holds = new Map<UploadId, { size: number; current: Upload | undefined }>()
    let total = Usage.nothing
    let grown = 0

    const change = (owner: Option.Option<string>, before: Usage.Usage, after: Usage.Usage) => {
      const key = Option.getOrUndefined(owner)
      const usage = Usage.replace(usageByOwner.get(key) ?? Usage.nothing, before, after)
      total = Usage.replace(total, before, after)
      if (usage.bytes === 0 && usage.open === 0) {
        usageByOwner.delete(key)
      } else {
        usageByOwner.set(key, usage)
      }
    }
    stored.forEach(({ owner, ...usage }) => change(owner, Usage.nothing, usage))

    /** Counts a write that took effect. */
    const counted = <A, E>(
      write: Effect.Effect<A, E>,
      { id, owner }: Upload,
      before: Upload | undefined,
      after: Upload | undefined
    ) =>
      Effect.uninterruptible(Effect.tap(write, () =>
        Effect.sync(() => {
          const hold = holds.get(id)
          change(owner, Usage.ofUpload(before, hold?.size), Usage.ofUpload(after, hold?.size))
          grown += Math.max(0, (after?.offset ?? 0) - (before?.offset ?? 0))
          if (hold !== undefined) {
            hold.current = after
          }
        })))

    const ledger = UsageLedger.of({
      usageOf: (owner) => usageByOwner.get(Option.getOrUndefined(owner)) ?? Usage.nothing,
      total: () => total,
      grown: () => grown,
      hold: ({ id, owner }, current, size) => {
        const hold = { size, current }
        const taken = () => Usage.ofUpload(hold.current, hold.size)
        holds.set(id, hold)
        change(owner, Usage.ofUpload(current), taken())
        return {
          taken,
          resize: (size) => {
            const before = taken()
            hold.size = size
            change(owner, before, taken())
          },
          release: () => {
            holds.delete(id)
            change(owner, taken(), Usage.ofUpload(hold.current))
          }
        }
      }
    })

    const counting = UploadRegistry.of({
      ...registry,
      create: (upload, options) => counted(registry.create(upload, options), upload, undefined, upload),
      commit: (entry, next, options) => counted(registry.commit(entry, next, options), next, entry.upload, next),
      remove: (entry, options) => counted(registry.remove(entry, options), entry.upload, entry.upload, undefined)
    })
    return Context.make(UploadRegistry, counting).pipe(Context.add(UsageLedger, ledger))
  })

/** In front of the registry that is provided to it. Sums up once, when it is built. */
export const layer: Layer.Layer<UsageLedger | UploadRegistry, UploadStoreError, UploadRegistry> = Layer.effectContext(
  Effect.flatMap(UploadRegistry, make)
)
