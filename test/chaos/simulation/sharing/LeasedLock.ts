/**
 * A lock for several processes: leases of processes and rows of uploads in one database. The fence alone makes it safe;
 * leases only decide how long others wait for a process that is gone.
 *
 * Inside a process there is a line in front of it, and only its head asks the database. Between processes the order is
 * the database's.
 */
import { UploadLock, UploadRegistry, type UploadStoreError } from "effect-tus"
import type { Upload } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Monotonic from "../../../../src/time/Monotonic.js"
import { type Hint, lease, type Row } from "./LockTable.js"

type Id = Upload.UploadId
type Failure = UploadStoreError.UploadStoreError

/** The statements of one process, which knows its name. Each of them may take time, fail, or fail and take effect. */
export interface Statements {
  /** Renews its lease. */
  readonly beat: Effect.Effect<void, Failure>
  /** The fence of an upload that is its own from now on; none if somebody alive has it. */
  readonly acquire: (id: Id, wants: boolean) => Effect.Effect<Option.Option<number>, Failure>
  readonly mine: Effect.Effect<ReadonlyArray<Row>, Failure>
  readonly release: (id: Id, fence: number) => Effect.Effect<void, Failure>
  /** What the database says by itself. Nothing depends on it. */
  readonly hints: Queue.Dequeue<Hint>
}

/** How often the lease is renewed, in milliseconds. */
const beatEvery = 5000

/** How often it is asked who waits, in milliseconds. */
export const askEvery = 1000

/** An upload that this process holds. */
class Hold {
  readonly fence: number
  /** When it was acquired, in questions that were asked by then. */
  readonly since: number
  private isRequested = false
  private readonly listeners: Array<() => void> = []

  constructor(fence: number, since: number) {
    this.fence = fence
    this.since = since
  }

  readonly onRequested = (listener: () => void): void => {
    if (this.isRequested) {
      listener()
    } else {
      this.listeners.push(listener)
    }
  }

  readonly request = (): void => {
    if (!this.isRequested) {
      this.isRequested = true
      this.listeners.forEach((listener) => listener())
    }
  }
}

/** The lock of one process, as long as its scope is open. */
export const make = (
  statements: Statements
): Effect.Effect<UploadLock.UploadLock["Type"], Failure, Scope.Scope> =>
  Effect.gen(function*() {
    const line = yield* Effect.provide(
      UploadLock.UploadLock,
      Layer.provide(UploadLock.layerMemory, UploadRegistry.layerMemory)
    )
    const holds = new Map<Id, Hold>()
    const asking = new Set<Id>()
    const waiting = new Map<Id, () => void>()
    let questions = 0

    yield* statements.beat
    yield* Effect.forkScoped(beating(statements, () => holds.forEach(({ request }) => request())))

    /** Compares what the database says with what is true here. Whatever went wrong before is mended here. */
    const look = Effect.gen(function*() {
      const nth = ++questions
      const rows = new Map((yield* statements.mine).map((row) => [row.id, row]))
      for (const [id, hold] of holds) {
        const row = rows.get(id)
        const isLost = hold.since < nth && row?.fence !== hold.fence
        if (isLost || row?.wanted === true) {
          hold.request()
        }
      }
      for (const { fence, id } of rows.values()) {
        if (!holds.has(id) && !asking.has(id)) {
          yield* statements.release(id, fence)
        }
      }
    })

    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(askEvery), Effect.ignore(look))))
    yield* Effect.forkScoped(Effect.forever(Effect.map(Queue.take(statements.hints), ({ _tag, id }) =>
      _tag === "Wanted" ? holds.get(id)?.request() : waiting.get(id)?.())))

    /** Until somebody says that it is free, or for a while. */
    const pause = (id: Id) =>
      Effect.raceFirst(
        Effect.async<void>((resume) => {
          waiting.set(id, () =>
            resume(Effect.void))
          return Effect.sync(() => waiting.delete(id))
        }),
        Effect.sleep(askEvery)
      )

    const acquire = (id: Id): Effect.Effect<number, Failure> =>
      Effect.flatMap(statements.acquire(id, true), (fence) =>
        Option.isSome(fence) ? Effect.succeed(fence.value) : Effect.zipRight(pause(id), acquire(id)))

    /** Runs with the row of the upload, if `acquired` gets it. */
    const hold = <A, E, R>(
      id: Id,
      { onRequested }: UploadLock.Lease,
      acquired: Effect.Effect<Option.Option<number>, Failure>,
      use: (lease: UploadLock.Lease) => Effect.Effect<A, E, R>
    ) =>
      Effect.acquireUseRelease(
        Effect.ensuring(
          Effect.map(
            Effect.zipRight(
              Effect.sync(() =>
                asking.add(id)
              ),
              Effect.interruptible(acquired)
            ),
            Option.map((fence) => {
              const hold = new Hold(fence, questions)
              holds.set(id, hold)
              onRequested(hold.request)
              return hold
            })
          ),
          Effect.sync(() => asking.delete(id))
        ),
        (hold) =>
          Option.isNone(hold)
            ? Effect.succeedNone
            : Effect.asSome(use({ fence: hold.value.fence, onRequested: hold.value.onRequested })),
        (hold) =>
          Option.isNone(hold) ? Effect.void : Effect.suspend(() => {
            holds.delete(id)
            return Effect.ignore(statements.release(id, hold.value.fence))
          })
      )

    return UploadLock.UploadLock.of({
      withLock: (id, use) =>
        line.withLock(id, (first) => Effect.map(hold(id, first, Effect.asSome(acquire(id)), use), Option.getOrThrow)),
      withLockIfFree: (id, use) =>
        Effect.map(
          line.withLockIfFree(id, (first) => hold(id, first, statements.acquire(id, false), use)),
          Option.flatten
        )
    })
  })

/** A process that could not renew its lease tells its writers to leave: they could not be acknowledged anyway. */
const beating = ({ beat }: Statements, onLost: () => void) =>
  Effect.flatMap(Monotonic.millis, (start) => {
    let heard = start
    const next = Effect.flatMap(Monotonic.millis, (sent) =>
      Effect.matchEffect(Effect.timeout(beat, beatEvery), {
        onFailure: () => Effect.map(Monotonic.millis, (now) => now - heard >= lease && onLost()),
        onSuccess: () =>
          Effect.sync(() => {
            heard = sent
          })
      }))
    return Effect.forever(Effect.zipRight(Effect.sleep(beatEvery), next))
  })

/** @param statements - made for each process, with a name of its own. */
export const layer = <E, R>(
  statements: Effect.Effect<Statements, E, R>
): Layer.Layer<UploadLock.UploadLock, E | Failure, Exclude<R, Scope.Scope>> =>
  Layer.scoped(UploadLock.UploadLock, Effect.flatMap(statements, make))
