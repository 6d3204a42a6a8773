/**
 * Whether there is a network at all. Where a platform can tell, nothing is tried, and no attempt is paid for, while there is none.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** `online` is waited for before each attempt, and returns at once by default. `Online.layer` provides that of browsers. */
export class Connectivity extends Context.Reference<Connectivity>()("effect-tus/Connectivity", {
  defaultValue: (): { readonly online: Effect.Effect<void> } => ({ online: Effect.void })
}) {}
