/**
 * The database that several servers share: the states of uploads, and the tables of the lock. A process gets the result
 * of a statement, or does not learn whether it took effect. Then it tries the statement again, and looks before it says
 * that another writer was faster. It never tries a creation again: another server may have removed the upload.
 */
import { type Upload, UploadRegistry, UploadStoreError } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import { Database, memory, tailsOf } from "../Database.js"
import type { Process } from "../Kernel.js"
import type { Change } from "../States.js"
import type { World } from "../World.js"
import { call, Unanswered } from "./Calls.js"
import type { Statements } from "./LeasedLock.js"
import { type Hint, LockTable } from "./LockTable.js"

type Registry = UploadRegistry.UploadRegistry["Type"]
type Entry = UploadRegistry.StoredUpload
type Id = Upload.UploadId
type Row = Option.Option<Entry>
type Failure = UploadStoreError.Superseded | UploadStoreError.UploadStoreError

export class SharedDatabase extends Database {
  readonly locks: LockTable
  private readonly listeners = new Map<string, Queue.Queue<Hint>>()
  private readonly rows: Registry

  constructor(world: World) {
    super(world, memory())
    const rows = Effect.runSync(Effect.provide(UploadRegistry.UploadRegistry, UploadRegistry.layerMemory))
    this.rows = world.plant.database?.(rows, world) ?? rows
    this.locks = new LockTable(() => world.kernel.now, (server, hint) => this.notify(server, hint))
  }

  override layer(process: Process): Layer.Layer<UploadRegistry.UploadRegistry> {
    return Layer.succeed(UploadRegistry.UploadRegistry, this.registry(process))
  }

  /** The statements of the lock of a process. */
  statements(process: Process): Statements {
    const { locks } = this
    const { name } = process
    const run = <A>(what: string, act: () => A) =>
      Effect.suspend(() =>
        statement(this.world, process, what, "Write", () => Exit.succeed(act()), this.world.shared?.isIdle(process))
      )
    const hints = Effect.runSync(Queue.unbounded<Hint>())
    this.listeners.set(name, hints)
    return {
      beat: run("renew the lease", () => locks.beat(name, this.world.plant.leaseUntil?.(process))),
      acquire: (id, wants) =>
        statement(this.world, process, `lock ${id}`, "Write", () => Exit.succeed(locks.acquire(name, id, wants))),
      mine: run("ask who waits", () => locks.mine(name)),
      release: (id, fence) =>
        statement(
          this.world,
          process,
          `unlock ${id} of ${fence}`,
          "Write",
          () => Exit.succeed(locks.release(name, id, fence))
        ),
      hints
    }
  }

  private notify(server: string, hint: Hint): void {
    const { dice, fault } = this.world.step("hint", () => `${hint._tag} ${hint.id} to ${server}`)
    const send = (delay: number) =>
      this.world.kernel.schedule(delay, () => this.listeners.get(server)?.unsafeOffer(hint))
    if (fault !== "lost hint") {
      send(fault === "late hint" ? dice.between(500, 40_000) : dice.between(0.1, 1))
    }
    if (fault === "double hint") {
      send(dice.between(0.1, 5000))
    }
  }

  private registry(process: Process): Registry {
    const { rows, states, world } = this
    const read = <A>(what: string, self: Effect.Effect<A, UploadStoreError.UploadStoreError>) =>
      statement(world, process, what, "Read", () => Effect.runSyncExit(self))

    return UploadRegistry.UploadRegistry.of({
      ...this.writes(process, (id) => read(`look again at ${id}`, rows.get(id))),
      get: (id) =>
        read(
          `get ${id}`,
          Effect.tap(rows.get(id), (entry) => Effect.sync(() => states.checkRead(id, entry, true)))
        ),
      tails: tailsOf(world, rows, read),
      getAll: (ids) => read(`get ${ids.length} uploads`, rows.getAll(ids)),
      expired: (now, page) => read("expired", rows.expired(now, page)),
      pending: (page) => read("pending", rows.pending(page)),
      unsynced: (page) => read("unsynced", rows.unsynced(page)),
      finalsOf: (part) => read(`finals of ${part}`, rows.finalsOf(part)),
      consumedParts: (page) => read("used up", rows.consumedParts(page)),
      absent: (ids) => read("missing", rows.absent(ids)),
      withBytes: (page) => read("begun", rows.withBytes(page)),
      list: (page) => read("list", rows.list(page)),
      usage: read("usage", rows.usage),
      usageByOwner: read("usageByOwner", rows.usageByOwner),
      lastFence: read("last fence", rows.lastFence)
    })
  }

  /** @param look - reads a row. */
  private writes(
    process: Process,
    look: (id: Id) => Effect.Effect<Row, UploadStoreError.UploadStoreError>
  ): Pick<Registry, "claim" | "commit" | "create" | "remove"> {
    const { rows, states, world } = this

    /** @param find - the result of this write, if the row shows that it took effect. */
    const write = <A>(
      change: Change,
      changed: (result: A) => Change,
      self: Effect.Effect<A, Failure>,
      find: (row: Row) => Option.Option<A>
    ) => {
      const { upload: { id, offset } } = change.entry
      const what = `${change._tag} ${id} at ${offset} under ${change.fence}`
      let done: Change | undefined
      const once: Effect.Effect<A, Failure | Unanswered> = call(
        world,
        process,
        what,
        () =>
          Exit.map(Effect.runSyncExit(self), (result) => {
            done = changed(result)
            this.took(done, process)
            return result
          })
      )
      const found = Effect.map(look(id), find)
      const written = change._tag === "Create" && world.plant.createsAgain !== true
        ? orFound(what, once, found)
        : untilKnown(what, once, world.plant.looksAgain === false ? undefined : found)
      return Effect.tapError(written, (error) => Effect.sync(() => this.checkRefusal(done, error)))
    }

    return {
      claim: (id, fence) =>
        untilKnown(
          `claim ${id}`,
          call(world, process, `claim ${id} under ${fence}`, () =>
            Exit.map(Effect.runSyncExit(rows.claim(id, fence)), (found) => {
              if (Option.isSome(found)) {
                states.claim(found.value, process)
                // The former writer may have asked the hook, and its verdict does not count any more.
                world.application.excuse()
              }
              return found
            })),
          undefined
        ),
      create: (upload, options) => {
        const change: Change = { _tag: "Create", entry: UploadRegistry.created(upload, options), ...options }
        const find = isMine(1, options.fence)
        return write<Entry>(change, (entry) => ({ ...change, entry }), rows.create(upload, options), find)
      },
      commit: (entry, next, options) => {
        const after = UploadRegistry.committed(entry, next, options)
        const change: Change = { _tag: "Commit", before: entry, entry: after, ...options }
        const find = isMine(after.version, options.fence)
        return write<Entry>(change, (entry) => ({ ...change, entry }), rows.commit(entry, next, options), find)
      },
      remove: (entry, options) => {
        const change: Change = { _tag: "Remove", entry, ...options }
        return write<void>(change, () => change, rows.remove(entry, options), isGone)
      }
    }
  }

  /** Nobody is told that another writer was faster about a write that took effect. */
  private checkRefusal(done: Change | undefined, error: Failure): void {
    if (error instanceof UploadStoreError.Superseded) {
      this.world.claim(
        done === undefined || this.states.get(done.entry.upload.id) !== done.entry,
        "P3",
        () => `a write to ${done?.entry.upload.id} takes effect, and is taken for one that came too late`
      )
      this.world.application.excuse()
    }
  }
}

/** The row, if only the writer with this fence can have written it. */
const isMine = (version: number, fence: number) => (row: Row) =>
  Option.filter(row, (row) => row.version === version && row.fence === fence)

const isGone = (row: Row): Option.Option<void> => Option.isNone(row) ? Option.some(undefined) : Option.none()

const unanswered = (operation: string, cause: Unanswered) =>
  new UploadStoreError.UploadStoreError({ reason: "Write", operation, cause })

/** Looks at the row where nothing was heard. */
const orFound = <A>(
  operation: string,
  once: Effect.Effect<A, Failure | Unanswered>,
  find: Effect.Effect<Option.Option<A>, Failure>
): Effect.Effect<A, Failure> =>
  Effect.catchAll(once, (error) =>
    error instanceof Unanswered
      ? Effect.flatMap(find, Option.match({ onNone: () => unanswered(operation, error), onSome: Effect.succeed }))
      : Effect.fail(error))

/** Tries a write again where nothing was heard, and looks at the row before it says that another writer was faster. */
const untilKnown = <A>(
  operation: string,
  once: Effect.Effect<A, Failure | Unanswered>,
  find: Effect.Effect<Option.Option<A>, Failure> | undefined
): Effect.Effect<A, Failure> => {
  const attempt = (left: number, isUnsure: boolean): Effect.Effect<A, Failure> =>
    Effect.catchAll(once, (error): Effect.Effect<A, Failure> => {
      if (error instanceof Unanswered) {
        return left > 0
          ? attempt(left - 1, isUnsure || error.mayHaveHappened)
          : unanswered(operation, error)
      }
      return error._tag === "Superseded" && isUnsure && find !== undefined
        ? Effect.flatMap(find, (found) => Option.isSome(found) ? Effect.succeed(found.value) : Effect.fail(error))
        : Effect.fail(error)
    })
  return attempt(2, false)
}

const statement = <A, E>(
  world: World,
  process: Process,
  operation: string,
  reason: "Read" | "Write",
  act: () => Exit.Exit<A, E>,
  isIdle?: boolean
): Effect.Effect<A, E | UploadStoreError.UploadStoreError> =>
  Effect.catchIf(
    call(world, process, operation, act, isIdle),
    (error): error is Unanswered => error instanceof Unanswered,
    (cause) => new UploadStoreError.UploadStoreError({ reason, operation, cause })
  )
