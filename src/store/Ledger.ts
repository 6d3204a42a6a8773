/**
 * What uploads take, summed up by owner and kept in memory, in front of a registry to which nobody else writes. What is about
 * to come is held, so that requests that run at the same time do not count on the same room.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Upload, UploadId } from "../protocol/Upload.js"
import * as Account from "./Account.js"
import { UploadRegistry } from "./UploadRegistry.js"
import type { UploadStoreError } from "./UploadStoreError.js"

/** What `UploadLimits` asks how much room is taken. `layer` provides it together with the registry whose writes it counts. */
export class Ledger extends Context.Tag("effect-tus/Ledger")<Ledger, {
  /** What the uploads of an owner take, or all that have none, with what is held. */
  readonly accountOf: (owner: Option.Option<string>) => Account.Account
  /** What all uploads take, with what is held. */
  readonly total: () => Account.Account
  /** Bytes that have come to count since it was built: never less than before. */
  readonly grown: () => number
  /**
   * Counts an upload as one of `size` bytes until it is released. `current` is its state, none before it is created. Of an upload one
   * thing is held at a time: whoever holds has its lock.
   */
  readonly hold: (upload: Pick<Upload, "id" | "owner">, current: Upload | undefined, size: number) => Hold
}>() {}

/** Room that is held for an upload. */
export interface Hold {
  /** What the upload takes of its owner's account and of that of all, with what is held. */
  readonly taken: () => Account.Account
  /** Holds as many bytes in all from now on. */
  readonly resize: (size: number) => void
  readonly release: () => void
}

/**
 * A context of two: the ledger, and in front of `registry` the one whose writes it counts; what is written past that one is
 * not counted. Sums up `accounts` once, and fails with the `UploadStoreError` of that.
 */
export const make = (registry: UploadRegistry["Type"]) =>
  Effect.map(registry.accounts, (stored) => {
    const accounts = new Map<string | undefined, Account.Account>()
    const holds = new Map<UploadId, { size: number; current: Upload | undefined }>()
    let total = Account.nothing
    let grown = 0

    const change = (owner: Option.Option<string>, before: Account.Account, after: Account.Account) => {
      const key = Option.getOrUndefined(owner)
      const account = Account.replace(accounts.get(key) ?? Account.nothing, before, after)
      total = Account.replace(total, before, after)
      if (account.bytes === 0 && account.open === 0) {
        accounts.delete(key)
      } else {
        accounts.set(key, account)
      }
    }
    stored.forEach(({ owner, ...account }) => change(owner, Account.nothing, account))

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
          change(owner, Account.ofUpload(before, hold?.size), Account.ofUpload(after, hold?.size))
          grown += Math.max(0, (after?.offset ?? 0) - (before?.offset ?? 0))
          if (hold !== undefined) {
            hold.current = after
          }
        })))

    const ledger = Ledger.of({
      accountOf: (owner) => accounts.get(Option.getOrUndefined(owner)) ?? Account.nothing,
      total: () => total,
      grown: () => grown,
      hold: ({ id, owner }, current, size) => {
        const hold = { size, current }
        const taken = () => Account.ofUpload(hold.current, hold.size)
        holds.set(id, hold)
        change(owner, Account.ofUpload(current), taken())
        return {
          taken,
          resize: (size) => {
            const before = taken()
            hold.size = size
            change(owner, before, taken())
          },
          release: () => {
            holds.delete(id)
            change(owner, taken(), Account.ofUpload(hold.current))
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
    return Context.make(UploadRegistry, counting).pipe(Context.add(Ledger, ledger))
  })

/** In front of the registry that is provided to it. Sums up once, when it is built. */
export const layer: Layer.Layer<Ledger | UploadRegistry, UploadStoreError, UploadRegistry> = Layer.effectContext(
  Effect.flatMap(UploadRegistry, make)
)
