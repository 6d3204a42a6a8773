/**
 * The bodies that this process receives right now, by upload: a HEAD has what has arrived committed before it answers.
 */
import type * as Effect from "effect/Effect"
import type { UploadId } from "../../protocol/Upload.js"

export interface RunningBodies {
  /**
   * From now on `flush` commits what has arrived of the upload, whose lock the caller holds: so it has one body at a
   * time.
   */
  readonly enter: (id: UploadId, flush: Effect.Effect<void>) => void
  readonly leave: (id: UploadId) => void
  /** Commits what has arrived of an upload; undefined if no body of it is received here. */
  readonly flush: (id: UploadId) => Effect.Effect<void> | undefined
}

export const make = (): RunningBodies => {
  const running = new Map<UploadId, Effect.Effect<void>>()
  return {
    enter: (id, flush) => {
      running.set(id, flush)
    },
    leave: (id) => {
      running.delete(id)
    },
    flush: (id) => running.get(id)
  }
}
