/**
 * Whether there is a network at all. Where a platform can tell, nothing is tried, and no attempt is paid for, while
 * there is none.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

interface Network {
  /**
   * Waited for before each attempt. It may return though nothing has changed, to have the platform's word put to the
   * test.
   */
  readonly online: Effect.Effect<void>
  /**
   * Whether the platform says that there is no network: an attempt that comes to nothing then costs none of the budget.
   */
  readonly isOffline?: (() => boolean) | undefined
}

/** `online` returns at once by default. `Online.layer` provides that of browsers. */
export class Connectivity extends Context.Reference<Connectivity>()("effect-tus/Connectivity", {
  defaultValue: (): Network => ({ online: Effect.void })
}) {}
