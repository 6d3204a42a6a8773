/**
 * Events for one fiber that waits for them. A wait that is interrupted loses none; `Queue.take` may have been handed
 * one when it is interrupted.
 */
import * as Effect from "effect/Effect"
import { Signal } from "../time/Signal.js"

export class Events<A> {
  private readonly waiting: Array<A> = []
  private next = new Signal()

  /** May be called by any fiber. */
  offer(event: A): void {
    this.waiting.push(event)
    this.next.give()
  }

  /** The first event that was not taken yet. `restore` makes the wait for it interruptible. */
  take(restore: (wait: Effect.Effect<void>) => Effect.Effect<void>): Effect.Effect<A> {
    return Effect.suspend(() => {
      const event = this.waiting.shift()
      if (event !== undefined) {
        return Effect.succeed(event)
      }
      this.next = new Signal()
      return Effect.flatMap(restore(Effect.suspend(() => this.next.wait())), () => this.take(restore))
    })
  }
}
