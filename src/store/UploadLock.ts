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
    const held = new Map<UploadId, Line>()

    // Looking and acting is one step everywhere: between two effects another fiber may run.
    const release = (id: UploadId): void => {
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
    }

    const enter = (id: UploadId): Grip => {
      const holder = new Grip()
      held.set(id, { holder, waiting: [] })
      return holder
    }

    const wait = (id: UploadId, line: Line, restore: Restore): Effect.Effect<Grip> => {
      const waiter: Waiter = { turn: Deferred.unsafeMake<Grip>(FiberId.none), granted: false }
      line.holder.request()
      line.waiting.push(waiter)
      return Effect.onInterrupt(restore(Deferred.await(waiter.turn)), () => leave(id, line, waiter))
    }

    /** A waiter that goes away may already have been given its turn; then the turn passes on. */
    const leave = (id: UploadId, line: Line, waiter: Waiter) =>
      Effect.sync(() => {
        if (waiter.granted) {
          release(id)
        } else {
          line.waiting.splice(line.waiting.indexOf(waiter), 1)
        }
      })

    /** Uninterruptible, except while `use` runs. */
    const hold = <A, E, R>(grip: Grip, id: UploadId, use: (lease: Lease) => Effect.Effect<A, E, R>, restore: Restore) =>
      Effect.flatMap(
        Effect.exit(restore(Effect.suspend(() => use({ fence: ++fence, onRequested: grip.onRequested })))),
        (exit) => {
          release(id)
          return exit
        }
      )

    return UploadLock.of({
      withLock: (id, use) =>
        Effect.uninterruptibleMask((restore) => {
          const line = held.get(id)
          return line === undefined
            ? hold(enter(id), id, use, restore)
            : Effect.flatMap(wait(id, line, restore), (grip) => hold(grip, id, use, restore))
        }),
      withLockIfFree: (id, use) =>
        Effect.uninterruptibleMask((restore) =>
          held.has(id) ? Effect.succeedNone : Effect.asSome(hold(enter(id), id, use, restore))
        )
    })
  })
)

type Restore = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

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
