/**
 * Sums of usage per owner in memory, in front of a registry to which nobody else writes. Space for running requests is
 * reserved, so that two of them do not count on the same bytes.
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
 * What `UploadLimits` asks for the usage. `layer` provides it together with the registry whose writes it counts.
 */
export class UsageLedger extends Context.Tag("effect-tus/UsageLedger")<UsageLedger, {
  /** The usage of an owner, or of all uploads without an owner, reservations included. */
  readonly usageOf: (owner: Option.Option<string>) => Usage.Usage
  /** The usage of all uploads, reservations included. */
  readonly total: () => Usage.Usage
  /** Committed bytes since it was built; never decreases. */
  readonly grown: () => number
  /**
   * Counts an upload as one of `size` bytes until it is released. `current` is its state, undefined before its
   * creation. An upload has one reservation at a time, since the caller holds its lock.
   */
  readonly hold: (upload: Pick<Upload, "id" | "owner">, current: Upload | undefined, size: number) => Hold
}>() {}

/** A reservation of space for an upload. */
export interface Hold {
  /** The usage of the upload, the reservation included. */
  readonly taken: () => Usage.Usage
  /** Changes the reservation to this number of bytes in all. */
  readonly resize: (size: number) => void
  readonly release: () => void
}

/**
 * A context of two: the ledger, and a registry in front of `registry` whose writes it counts; writes past that one are
 * not counted. Reads `usageByOwner` once, and fails with its `UploadStoreError`.
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

    /** Counts a successful write. */
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
