/**
 * A journal that fails is logged and ignored: uploads go on as if there were none.
 */
import * as Effect from "effect/Effect"

/** Returns `nothing` if `make` throws, fails, dies or interrupts itself. The first time logs a warning. */
export type OrElse = <A>(make: () => Effect.Effect<A, unknown>, nothing: A) => Effect.Effect<A>

export const make = (): OrElse => {
  let warned = false
  return (make, nothing) =>
    Effect.catchAllCause(Effect.suspend(make), (cause) => {
      const log = warned ? Effect.logDebug : Effect.logWarning
      warned = true
      return Effect.as(
        log(
          "The journal of uploads failed: uploads continue, but a later session may not be able to resume them",
          cause
        ),
        nothing
      )
    })
}
