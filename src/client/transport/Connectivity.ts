/**
 * Whether there is a network. While there is none, no requests are sent and no attempts are counted.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

interface Network {
  /** Each attempt waits for this. It may return while offline, to test what the platform says. */
  readonly online: Effect.Effect<void>
  /** Whether the platform says that there is no network. Then a failed attempt does not count. */
  readonly isOffline?: (() => boolean) | undefined
}

/** `online` returns at once by default. `Online.layer` provides that of browsers. */
export class Connectivity extends Context.Reference<Connectivity>()("effect-tus/Connectivity", {
  defaultValue: (): Network => ({ online: Effect.void })
}) {}
