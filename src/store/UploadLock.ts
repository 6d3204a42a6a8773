/**
 * One writer per upload. A newcomer asks the holder to leave, waits its turn, and is given a number above all before.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import { UploadRegistry } from "./UploadRegistry.js"
import type { UploadStoreError } from "./UploadStoreError.js"

/** What the holder of a lock has in hand. */
export interface Lease {
  /** Above every number that was given before for this upload; each commit carries it. */
  readonly fence: number
  /** Calls `listener` as soon as somebody else asks for the upload, at once where somebody already has. */
  readonly onRequested: (listener: () => void) => void
}

export class UploadLock extends Context.Tag("effect-tus/UploadLock")<UploadLock, {
  /**
   * Runs `use` as the only writer of the upload, in the order of arrival. The holder is asked to leave, never made to:
   * it ends its wait for the network, keeps what it has, and goes.
   */
  readonly withLock: <A, E, R>(
    id: UploadId,
    use: (lease: Lease) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | UploadStoreError, R>

  /** Runs `use` where nobody holds the upload, and does nothing otherwise. */
  readonly withLockIfFree: <A, E, R>(
    id: UploadId,
    use: (lease: Lease) => Effect.Effect<A, E, R>
  ) => Effect.Effect<Option.Option<A>, E | UploadStoreError, R>
}>() {}

/**
 * Locks of one process. The numbers go on where the registry's end, so that those of a process that is gone are below
 * them.
 */
export const layerMemory: Layer.Layer<UploadLock, UploadStoreError, UploadRegistry> = Layer.effect(
  UploadLock,
  Effect.gen(function*() {
    const registry = yield* UploadRegistry
    let fence = yield* registry.lastFence
    const held = new Map<UploadId, Line>()

    const release = (id: UploadId) =>
      Effect.sync(() => {
        const line = held.get(id)
        const next = line?.waiting.shift()
        if (line === undefined || next === undefined) {
          held.delete(id)
          return
        }
        line.holder = new Grip()
        if (line.waiting.length > 0) {
          line.holder.request()
        }
        next.granted = true
        Deferred.unsafeDone(next.turn, Effect.succeed(line.holder))
      })

    /** A waiter that goes away may already have been given its turn; then the turn passes on. */
    const take = (id: UploadId): Effect.Effect<Grip> =>
      Effect.suspend(() => {
        const line = held.get(id)
        if (line === undefined) {
          const holder = new Grip()
          held.set(id, { holder, waiting: [] })
          return Effect.succeed(holder)
        }
        const waiter: Waiter = { turn: Deferred.unsafeMake<Grip>(FiberId.none), granted: false }
        line.waiting.push(waiter)
        line.holder.request()
        return Effect.interruptible(Deferred.await(waiter.turn)).pipe(
          Effect.onInterrupt(() =>
            waiter.granted
              ? release(id)
              : Effect.sync(() => line.waiting.splice(line.waiting.indexOf(waiter), 1))
          )
        )
      })

    const run = <A, E, R>(id: UploadId, use: (lease: Lease) => Effect.Effect<A, E, R>) =>
      Effect.acquireUseRelease(
        take(id),
        (grip) => Effect.suspend(() => use({ fence: ++fence, onRequested: grip.onRequested })),
        () => release(id)
      )

    return UploadLock.of({
      withLock: run,
      withLockIfFree: (id, use) =>
        Effect.suspend(() => (held.has(id) ? Effect.succeedNone : Effect.asSome(run(id, use))))
    })
  })
)

interface Line {
  holder: Grip
  readonly waiting: Array<Waiter>
}

interface Waiter {
  readonly turn: Deferred.Deferred<Grip>
  granted: boolean
}

/** One hold of a lock, and whether somebody else wants it. */
class Grip {
  private requested = false
  private readonly listeners: Array<() => void> = []
  readonly onRequested = (listener: () => void): void => {
    if (this.requested) {
      listener()
    } else {
      this.listeners.push(listener)
    }
  }
  request(): void {
    if (!this.requested) {
      this.requested = true
      this.listeners.forEach((listener) => listener())
    }
  }
}
