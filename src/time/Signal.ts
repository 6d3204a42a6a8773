/**
 * Something that happens once. As long as nobody waits for it, it costs nothing: the first one who waits makes its
 * `Deferred`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"

export class Signal {
  private isGiven = false
  private deferred: Deferred.Deferred<void> | undefined

  /** Wakes all who wait, now and later. */
  give(): void {
    this.isGiven = true
    if (this.deferred !== undefined) {
      Deferred.unsafeDone(this.deferred, Effect.void)
    }
  }

  /** Waits until it is given. To be run at once. */
  wait(): Effect.Effect<void> {
    return this.isGiven ? Exit.void : Deferred.await(this.deferred ??= Deferred.unsafeMake<void>(FiberId.none))
  }
}
