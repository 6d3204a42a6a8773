/**
 * The registry as processes see it: a statement takes time and may fail, before or after it takes effect. All writes
 * are logged. A dying process loses none that took effect. A power cut keeps a prefix of the log with every durable
 * write, to be opened after a reboot.
 */
import { type Upload, UploadRegistry, UploadStoreError } from "effect-tus"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Dice } from "./Dice.js"
import type { Fault } from "./Faults.js"
import type { Process } from "./Kernel.js"
import { type Change, States } from "./States.js"
import type { World } from "./World.js"

type Registry = UploadRegistry.UploadRegistry["Type"]

/** The database gets its name; durable at once. */
interface Naming {
  readonly _tag: "Name"
  readonly name: UploadRegistry.Name
  readonly durable: true
}

/** A database as its log of writes, and the boot at which it was last open. */
export interface Copy {
  readonly log: ReadonlyArray<Change | Naming>
  readonly boot: number | undefined
}

/** A missing database, and an empty one with tables. */
export const lost: Copy = { log: [], boot: undefined }
export const empty: Copy = { log: [], boot: 1 }

/** The database of another directory. */
export const other: Copy = { log: [{ _tag: "Name", name: { name: "another", isTold: true }, durable: true }], boot: 1 }

export const nameOf = ({ log }: Copy): UploadRegistry.Name | undefined => log.findLast(isNaming)?.name

const isNaming = (logged: Change | Naming): logged is Naming => logged._tag === "Name"

const changesIn = (log: Copy["log"]): ReadonlyArray<Change> => log.flatMap((logged) => isNaming(logged) ? [] : [logged])

/** Where the states are stored. */
export interface Backing {
  /** Opens the registry for a new process, at this boot. */
  readonly open: (
    process: Process,
    boot: string
  ) => Effect.Effect<Registry, UploadStoreError.UploadStoreError, Scope.Scope>
  /** The process that opened it has died, possibly in the middle of a statement. */
  readonly abandon: (process: Process) => void
  /** Starts again with an empty registry. */
  readonly reset: () => void
  /** Whether a write is logged before any other process reads. */
  readonly immediate: boolean
}

export class Database {
  readonly states: States
  protected log: Array<Change | Naming> = []
  /** The number of writes that were copied from elsewhere, and are durable. */
  private settled = 0
  /** The number of writes at the last boot. */
  private booted = 0
  /** The log that a power cut or an operator left. It is replayed before the next read. */
  private replay: Copy | undefined
  /** Whether the log has the states that the server should have. */
  private isRight = true
  private boots = 1
  protected readonly world: World
  private readonly backing: Backing

  constructor(world: World, backing: Backing) {
    this.world = world
    this.backing = backing
    this.states = new States(world)
  }

  crash(process: Process): void {
    this.backing.abandon(process)
  }

  end(): void {
    this.backing.reset()
  }

  /** Returns the removed uploads that are there again. */
  cutPower(dice: Dice): ReadonlyArray<UploadRegistry.StoredUpload> {
    const least = this.durable
    const kept = this.log.slice(0, dice.whole(least, this.log.length))
    this.replay = { log: kept, boot: this.replay === undefined ? this.boots : this.replay.boot }
    this.boots++
    this.log = kept
    return this.isRight ? this.states.restore(changesIn(kept)) : []
  }

  /** The database as it is now; with dice, as it was at some time. */
  copy(dice?: Dice): Copy {
    const log = this.log.slice(0, dice === undefined ? this.log.length : dice.whole(0, this.log.length))
    return { log, boot: this.replay?.boot ?? (log.length < this.booted ? this.boots - 1 : this.boots) }
  }

  /**
   * Puts another database in its place while nobody has it open. The states that the server should have stay the same.
   */
  place(copy: Copy): void {
    this.isRight = false
    this.replay = copy
    this.log = [...copy.log]
    this.settled = copy.log.length
  }

  /** The server has accepted the database. Returns the removed uploads that are there again. */
  accept(): ReadonlyArray<UploadRegistry.StoredUpload> {
    this.isRight = true
    this.replay = undefined
    return this.states.restore(changesIn(this.log))
  }

  /**
   * From now on the server should have the states of this database. Returns the removed uploads that are there again.
   */
  enter(copy: Copy): ReadonlyArray<UploadRegistry.StoredUpload> {
    this.place(copy)
    this.isRight = true
    return this.states.restore(changesIn(copy.log))
  }

  /** The number of writes that survive any power cut. */
  private get durable(): number {
    return Math.max(this.settled, this.log.findLastIndex(({ durable }) => durable) + 1)
  }

  /** The state of an upload after the worst power cut. */
  lasting(id: Upload.UploadId): Pick<UploadRegistry.StoredUpload, "stored" | "upload"> | undefined {
    const last = changesIn(this.log.slice(0, this.durable)).findLast((change) => change.entry.upload.id === id)
    return last === undefined || last._tag === "Remove"
      ? undefined
      : { stored: last.entry.stored, upload: survivor(last.entry) }
  }

  /** The current state of an upload. Right after a power cut, only the synced bytes count. */
  counted(id: Upload.UploadId): Upload.Upload | undefined {
    const entry = this.states.get(id)
    const isSetBack = this.isRight && this.replay !== undefined && this.replay.boot !== this.boots
    return entry !== undefined && isSetBack ? survivor(entry) : entry?.upload
  }

  layer(process: Process): Layer.Layer<UploadRegistry.UploadRegistry, UploadStoreError.UploadStoreError> {
    return Layer.scoped(UploadRegistry.UploadRegistry, this.open(process))
  }

  private readonly open = Effect.fnUntraced(function*(this: Database, process: Process) {
    const registry = yield* this.replay === undefined
      ? this.connect(process, this.boots)
      : this.recover(process, this.replay)

    const waited = <A, E>(self: Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        process.waiting++
        return Effect.ensuring(self, Effect.sync(() => process.waiting--))
      })

    /** A step that takes time; `next` gets the fault that it meets. */
    const step = <A, E>(
      kind: "database read" | "database write" | "database written",
      what: string,
      next: (fault: Fault | undefined) => Effect.Effect<A, E>
    ) =>
      Effect.suspend(() => {
        const { dice, fault } = this.world.step(kind, () => what)
        const delay = fault === "slow database" ? dice.between(500, 40_000) : dice.between(0.1, 1)
        return Effect.zipRight(process.alive ? process.wait(delay) : Effect.never, next(fault))
      })

    const read = <A, E>(what: string, self: Effect.Effect<A, E | UploadStoreError.UploadStoreError>) =>
      waited(step("database read", what, (fault) => fault === "failed read" ? this.fail("Read", what) : self))

    const write = <A, E>(
      change: Change,
      changed: (result: A) => Change,
      self: Effect.Effect<A, E | UploadStoreError.UploadStoreError>
    ): Effect.Effect<A, E | UploadStoreError.UploadStoreError> => {
      const what = `${change._tag} ${change.entry.upload.id} at ${change.entry.upload.offset}`
      const record = Effect.tapBoth(self, {
        onFailure: (error) => Effect.sync(() => this.states.checkRefusal(change, error)),
        onSuccess: (result) =>
          Effect.sync(() => {
            this.took(changed(result), process)
          })
      })
      const written = Effect.ensuring(
        step(
          "database written",
          `${what}, done`,
          (fault) => fault === "failed but written" ? this.fail("Write", what) : Effect.void
        ),
        Effect.sync(() => this.world.promises.known(change.entry.upload.id))
      )
      return waited(
        Effect.zipLeft(
          step("database write", what, (fault) => fault === "failed write" ? this.fail("Write", what) : record),
          written
        )
      )
    }

    const { identity } = registry
    return UploadRegistry.UploadRegistry.of({
      identity: identity && {
        get: read("get its name", identity.get),
        set: (name) => {
          const what = `call it ${name.name}, ${
            name.isTold ? "of which the bytes were told" : "of which nobody was told"
          }`
          const record = Effect.tap(
            identity.set(name),
            () => Effect.sync(() => this.log.push({ _tag: "Name", name, durable: true }))
          )
          return waited(Effect.zipLeft(
            step("database write", what, (fault) => fault === "failed write" ? this.fail("Write", what) : record),
            step(
              "database written",
              `${what}, done`,
              (fault) => fault === "failed but written" ? this.fail("Write", what) : Effect.void
            )
          ))
        }
      },
      create: (upload, options) => {
        const change: Change = { _tag: "Create", entry: UploadRegistry.created(upload, options), ...options }
        return write(change, (entry) => ({ ...change, entry }), registry.create(upload, options))
      },
      commit: (entry, next, options) => {
        const change: Change = {
          _tag: "Commit",
          before: entry,
          entry: UploadRegistry.committed(entry, next, options),
          ...options
        }
        return write(change, (entry) => ({ ...change, entry }), registry.commit(entry, next, options))
      },
      remove: (entry, options) => {
        const change: Change = { _tag: "Remove", entry, ...options }
        return write(change, () => change, registry.remove(entry, options))
      },
      get: (id) =>
        read(
          `get ${id}`,
          Effect.tap(registry.get(id), (entry) =>
            Effect.sync(() => this.states.checkRead(id, entry, this.backing.immediate)))
        ),
      tails: tailsOf(this.world, registry, read),
      getAll: (ids) => read(`get ${ids.length}`, registry.getAll(ids)),
      claim: (id, fence) =>
        read(
          `claim ${id}`,
          Effect.tap(registry.claim(id, fence), (found) =>
            Effect.sync(() => Option.map(found, (entry) => this.states.claim(entry, process))))
        ),
      expired: (now, page) => read("expired", registry.expired(now, page)),
      pending: (page) => read("pending", registry.pending(page)),
      unsynced: (page) => read("unsynced", registry.unsynced(page)),
      finalsOf: (part) => read(`finals of ${part}`, registry.finalsOf(part)),
      consumedParts: (page) => read("used up", registry.consumedParts(page)),
      absent: (ids) => read("missing", registry.absent(ids)),
      withBytes: (page) => read("begun", registry.withBytes(page)),
      list: (page) => read("list", registry.list(page)),
      usage: read("usage", registry.usage),
      usageByOwner: read("usageByOwner", registry.usageByOwner),
      lastFence: read("last fence", registry.lastFence)
    })
  })

  private connect(process: Process, boot: number) {
    return Effect.map(
      this.backing.open(process, this.world.plant.boot?.(boot) ?? `boot ${boot}`),
      (opened) => this.world.plant.database?.(opened, this.world) ?? opened
    )
  }

  /** Replays the log at the boot before, opens the result at this boot, and logs the changes of its recovery. */
  private readonly recover = Effect.fnUntraced(function*(this: Database, process: Process, { boot, log }: Copy) {
    this.backing.reset()
    if (boot !== undefined) {
      const left = yield* this.connect(process, boot)
      yield* Effect.orDie(Effect.forEach(log, (logged) => perform(left, logged), { discard: true }))
      this.backing.abandon(process)
    }
    const registry = yield* this.connect(process, this.boots)
    if (!this.isRight) {
      return registry
    }
    const found = yield* Effect.forEach(this.states.all(), ({ upload }) => registry.get(upload.id))
    this.replay = undefined
    for (const entry of found.flatMap(Option.toArray)) {
      const before = this.states.get(entry.upload.id)
      if (before !== undefined && before.version !== entry.version) {
        const change: Change = { _tag: "Commit", before, entry, fence: entry.fence, durable: false }
        this.log.push(change)
        this.states.setBack(before, entry)
      }
    }
    this.booted = this.log.length
    return registry
  })

  /** A write has taken effect. */
  protected took(change: Change, process: Process): void {
    this.log.push(change)
    this.states.change(change, process)
  }

  private fail(reason: "Read" | "Write", what: string) {
    this.world.trouble()
    return Effect.fail(
      new UploadStoreError.UploadStoreError({ reason, operation: what, cause: new Error("simulated") })
    )
  }
}

/** The tails of a registry, if the story has small bytes there. */
export const tailsOf = (
  { story }: World,
  { tails }: Registry,
  read: <A>(
    name: string,
    call: Effect.Effect<A, UploadStoreError.UploadStoreError>
  ) => Effect.Effect<A, UploadStoreError.UploadStoreError>
): UploadRegistry.Tails | undefined =>
  story.smallUploads !== "byteStore" && tails !== undefined
    // Small, so that tails often move into the byte store.
    ? {
      limit: 700,
      read: (id) => read(`the tail of ${id}`, tails.read(id)),
      whole: (ids) => read("whole tails", tails.whole(ids)),
      complete: (page) => read("complete uploads with a tail", tails.complete(page))
    }
    : undefined

/** The state after any power cut. */
const survivor = ({ synced, upload }: UploadRegistry.StoredUpload) => upload.isOpen ? upload.cut(synced) : upload

const perform = (
  registry: Registry,
  logged: Change | Naming
): Effect.Effect<void, UploadStoreError.Superseded | UploadStoreError.UploadStoreError> => {
  if (isNaming(logged)) {
    return registry.identity?.set(logged.name) ?? Effect.void
  }
  const { durable, entry, fence, tail, ...change } = logged
  const options = { fence, durable, synced: entry.synced, stored: entry.stored, tail }
  switch (change._tag) {
    case "Create":
      return Effect.asVoid(registry.create(entry.upload, options))
    case "Commit":
      return Effect.asVoid(registry.commit(change.before, entry.upload, options))
    case "Remove":
      return registry.remove(entry, options)
  }
}

/** States in memory that outlive processes. */
export const memory = (): Backing => {
  let registry: Registry | undefined
  let name = Option.none<UploadRegistry.Name>()
  let last: string | undefined
  return {
    open: Effect.fnUntraced(function*(_, boot) {
      registry ??= Context.get(yield* Layer.build(UploadRegistry.layerMemory), UploadRegistry.UploadRegistry)
      if (boot !== last) {
        last = boot
        yield* Effect.orDie(setBack(registry))
      }
      return UploadRegistry.UploadRegistry.of({
        ...registry,
        identity: {
          get: Effect.sync(() => name),
          set: (next) =>
            Effect.sync(() => {
              name = Option.some(next)
            })
        }
      })
    }),
    abandon: () => {},
    reset: () => {
      registry = undefined
      name = Option.none()
    },
    immediate: true
  }
}

const setBack = (registry: Registry) =>
  Effect.flatMap(
    registry.unsynced({ limit: Infinity }),
    Effect.forEach((id) =>
      Effect.flatMap(Effect.flatten(registry.get(id)), (entry) =>
        registry.commit(entry, survivor(entry), { fence: entry.fence, durable: false }))
    )
  )
