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

/**
 * Who may write an upload: one at a time, in this process by `layerMemory`, or by a lock of your own, which
 * `UploadLockSuite` examines. Everything that writes to the same store has to share it.
 */
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
    const held = new Map<UploadId, Queue>()

    // Looking and acting is one step everywhere: between two effects another fiber may run.
    const release = (id: UploadId): void => {
      const queue = held.get(id)
      const next = queue?.waiting.shift()
      if (queue === undefined || next === undefined) {
        held.delete(id)
        return
      }
      queue.holder = new Holder()
      if (queue.waiting.length > 0) {
        queue.holder.request()
      }
      next.granted = true
      Deferred.unsafeDone(next.turn, Effect.succeed(queue.holder))
    }

    const enter = (id: UploadId): Holder => {
      const holder = new Holder()
      held.set(id, { holder, waiting: [] })
      return holder
    }

    const wait = (id: UploadId, queue: Queue, restore: Restore): Effect.Effect<Holder> => {
      const waiter: Waiter = { turn: Deferred.unsafeMake<Holder>(FiberId.none), granted: false }
      queue.holder.request()
      queue.waiting.push(waiter)
      return Effect.onInterrupt(restore(Deferred.await(waiter.turn)), () => leave(id, queue, waiter))
    }

    /** A waiter that goes away may already have been given its turn; then the turn passes on. */
    const leave = (id: UploadId, queue: Queue, waiter: Waiter) =>
      Effect.sync(() => {
        if (waiter.granted) {
          release(id)
        } else {
          queue.waiting.splice(queue.waiting.indexOf(waiter), 1)
        }
      })

    /** Uninterruptible, except while `use` runs. */
    const hold = <A, E, R>(
      holder: Holder,
      id: UploadId,
      use: (lease: Lease) => Effect.Effect<A, E, R>,
      restore: Restore
    ) =>
      Effect.flatMap(
        Effect.exit(restore(Effect.suspend(() => use({ fence: ++fence, onRequested: holder.onRequested })))),
        (exit) => {
          release(id)
          return exit
        }
      )

    return UploadLock.of({
      withLock: (id, use) =>
        Effect.uninterruptibleMask((restore) => {
          const queue = held.get(id)
          return queue === undefined
            ? hold(enter(id), id, use, restore)
            : Effect.flatMap(wait(id, queue, restore), (holder) => hold(holder, id, use, restore))
        }),
      withLockIfFree: (id, use) =>
        Effect.uninterruptibleMask((restore) =>
          held.has(id) ? Effect.succeedNone : Effect.asSome(hold(enter(id), id, use, restore))
        )
    })
  })
)

type Restore = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

interface Queue {
  holder: Holder
  readonly waiting: Array<Waiter>
}

interface Waiter {
  readonly turn: Deferred.Deferred<Holder>
  granted: boolean
}

/** One hold of a lock, and whether somebody else wants it. */
class Holder {
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
