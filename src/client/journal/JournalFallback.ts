/**
 * What goes wrong in a journal harms no upload: it is told, and the journal is as good as none.
 */
import * as Effect from "effect/Effect"

/**
 * Whatever `make` comes to, an interruption of its own as well, `nothing` takes its place. The first time it is a
 * warning.
 */
export type OrElse = <A>(make: () => Effect.Effect<A, unknown>, nothing: A) => Effect.Effect<A>

export const make = (): OrElse => {
  let warned = false
  return (make, nothing) =>
    Effect.catchAllCause(Effect.suspend(make), (cause) => {
      const log = warned ? Effect.logDebug : Effect.logWarning
      warned = true
      return Effect.as(log("The journal of uploads failed; uploads go on, but may not be resumed", cause), nothing)
    })
}
