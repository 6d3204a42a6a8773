/**
 * How much space uploads use and may use: sums of usage per owner, and reservations for running requests, so that two
 * of them do not count on the same bytes. `layer` keeps both in memory, in front of a registry to which nobody else
 * writes; `PgUsageLedger` keeps them in a database, for many servers.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Struct from "effect/Struct"
import type { Upload, UploadId } from "../protocol/Upload.js"
import { UploadRegistry } from "./UploadRegistry.js"
import type { UploadStoreError } from "./UploadStoreError.js"
import * as Usage from "./Usage.js"

/**
 * What `UploadLimits` asks for space. `layer` provides it together with the registry whose writes it counts.
 */
export class UsageLedger extends Context.Tag("effect-tus/UsageLedger")<UsageLedger, {
  /** What an owner uses of its quotas, or all uploads without an owner together, reservations included. */
  readonly usageOf: (
    owner: Option.Option<string>
  ) => Effect.Effect<Pick<Usage.Usage, "bytes" | "open">, UploadStoreError>
  /**
   * Decides by the rule how many bytes an upload may have, and reserves them, in one step: whoever decides next counts
   * them. `current` is the state of the upload, undefined before its creation; an upload and its reservation count
   * once. An upload has one reservation at a time, since the caller holds its lock.
   */
  readonly reserve: <E>(
    upload: Pick<Upload, "id" | "owner">,
    current: Upload | undefined,
    rule: Rule<E>
  ) => Effect.Effect<Reservation, E | UploadStoreError>
  /** What a disk needs to know. A ledger of several servers has none: they share no disk. */
  readonly disk?: Disk | undefined
}>() {}

/** The rule for how many bytes an upload may have. */
export interface Rule<E> {
  /** Pure: a ledger may ask again with other facts. */
  readonly decide: (facts: Facts) => Either.Either<number, E>
  /**
   * What the owner may have in all, infinite without a limit, for a ledger that checks it while it reserves. `open` is
   * infinite also for an upload that is there already.
   */
  readonly most: { readonly bytes: number; readonly open: number }
}

/** The usage, reservations included, at the time of the decision. */
export interface Facts {
  /** Of the owner of the upload. */
  readonly usage: Usage.Usage
  /** Of all uploads, where there is a `disk`. */
  readonly total: Usage.Usage
  /** What the upload already takes of both. */
  readonly taken: Usage.Usage
}

/** Space that is reserved for an upload. */
export interface Reservation {
  /** Bytes of the whole upload. */
  readonly size: number
  /** Decides again, and reserves that many bytes in all. A failure leaves the reservation as it is. */
  readonly grow: <E>(rule: Rule<E>) => Effect.Effect<number, E | UploadStoreError>
  /** Never fails: what cannot be released ends by itself. */
  readonly release: Effect.Effect<void>
}

/** The writes of this process to its disk. */
export interface Disk {
  /** Committed bytes since the ledger was built; never decreases. */
  readonly grown: () => number
}

/**
 * A context of two: the ledger, and a registry in front of `registry` whose writes it counts; writes past that one are
 * not counted. Reads `usageByOwner` once, and fails with its `UploadStoreError`. The ledger never waits.
 */
export const make = (registry: UploadRegistry["Type"]) =>
  Effect.map(registry.usageByOwner, (stored) => {
    const usageByOwner = new Map<string | undefined, Usage.Usage>()
    const holds = new Map<UploadId, { size: number; current: Upload | undefined }>()
    let total = Usage.nothing
    let grown = 0

    const usageOf = (owner: Option.Option<string>) => usageByOwner.get(Option.getOrUndefined(owner)) ?? Usage.nothing

    const change = (owner: Option.Option<string>, before: Usage.Usage, after: Usage.Usage) => {
      const key = Option.getOrUndefined(owner)
      const usage = Usage.replace(usageOf(owner), before, after)
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

    const hold = ({ id, owner }: Pick<Upload, "id" | "owner">, current: Upload | undefined, size: number) => {
      const hold = { size, current }
      const taken = () => Usage.ofUpload(hold.current, hold.size)
      holds.set(id, hold)
      change(owner, Usage.ofUpload(current), taken())
      const grow = <E>(rule: Rule<E>) =>
        Effect.suspend(() => {
          const before = taken()
          return Either.map(rule.decide({ usage: usageOf(owner), total, taken: before }), (size) => {
            hold.size = size
            change(owner, before, taken())
            return size
          })
        })
      const release = Effect.sync(() => {
        holds.delete(id)
        change(owner, taken(), Usage.ofUpload(hold.current))
      })
      return { size, grow, release }
    }

    const ledger = UsageLedger.of({
      usageOf: (owner) => Effect.sync(() => Struct.pick(usageOf(owner), "bytes", "open")),
      reserve: (upload, current, rule) =>
        Effect.suspend(() =>
          Either.map(
            rule.decide({ usage: usageOf(upload.owner), total, taken: Usage.ofUpload(current) }),
            (size) => hold(upload, current, size)
          )
        ),
      disk: { grown: () => grown }
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
