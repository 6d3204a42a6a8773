/**
 * The errors of a check that runs several times a second, and mostly fails as it did before.
 */
import * as Effect from "effect/Effect"

/** Logs an error unless its message is that of the one before. */
export const logger = () => {
  let last = ""
  return (message: string, ...details: ReadonlyArray<unknown>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const isNew = message !== last
      last = message
      return isNew ? Effect.logError(message, ...details) : Effect.void
    })
}
