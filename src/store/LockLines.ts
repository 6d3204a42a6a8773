/**
 * The lines of one process, one in front of each upload in use: its head holds the upload, the others wait in the order
 * of their arrival.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type { UploadId } from "../protocol/Upload.js"

/** Makes an effect interruptible again within an uninterruptible one. */
export type Restore = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export interface LockLines {
  /** Becomes the head if there is nobody; otherwise undefined. */
  readonly enterIfFree: (id: UploadId) => Holder | undefined
  /**
   * Asks the head to leave, and joins the end of its line at once: in the same step in which `enterIfFree` has told
   * that there is a head. The effect waits for the turn, and has to be run.
   */
  readonly wait: (id: UploadId, restore: Restore) => Effect.Effect<Holder>
  /** The head leaves, and the next one becomes the head. */
  readonly leave: (id: UploadId) => void
  readonly has: (id: UploadId) => boolean
  /** Asks the heads to leave: that of one upload, or all. */
  readonly request: (id?: UploadId) => void
}

// Check and act in one synchronous step: another fiber may run between two effects.
export const make = (): LockLines => {
  const lines = new Map<UploadId, Line>()

  const leave = (id: UploadId): void => {
    const line = lines.get(id)
    const next = line?.waiting.shift()
    if (line === undefined || next === undefined) {
      lines.delete(id)
      return
    }
    line.holder = new Holder()
    if (line.waiting.length > 0) {
      line.holder.request()
    }
    next.granted = true
    Deferred.unsafeDone(next.turn, Effect.succeed(line.holder))
  }

  /** A waiter that gives up may already have its turn; then the turn passes on. */
  const giveUp = (id: UploadId, line: Line, waiter: Waiter) =>
    Effect.sync(() => {
      if (waiter.granted) {
        leave(id)
      } else {
        line.waiting.splice(line.waiting.indexOf(waiter), 1)
      }
    })

  return {
    enterIfFree: (id) => {
      if (lines.has(id)) {
        return undefined
      }
      const holder = new Holder()
      lines.set(id, { holder, waiting: [] })
      return holder
    },
    wait: (id, restore) => {
      const line = lines.get(id)
      if (line === undefined) {
        return Effect.dieMessage(`nobody is in line for ${id}`)
      }
      const waiter: Waiter = { turn: Deferred.unsafeMake<Holder>(FiberId.none), granted: false }
      line.holder.request()
      line.waiting.push(waiter)
      return Effect.onInterrupt(restore(Deferred.await(waiter.turn)), () => giveUp(id, line, waiter))
    },
    leave,
    has: (id) => lines.has(id),
    request: (id) => {
      if (id === undefined) {
        lines.forEach(({ holder }) => holder.request())
      } else {
        lines.get(id)?.holder.request()
      }
    }
  }
}

interface Line {
  holder: Holder
  readonly waiting: Array<Waiter>
}

interface Waiter {
  readonly turn: Deferred.Deferred<Holder>
  granted: boolean
}

/** One hold of a lock, and whether somebody else wants it. */
export class Holder {
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
