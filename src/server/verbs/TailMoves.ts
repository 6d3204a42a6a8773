/**
 * Moves the tails of complete uploads into the byte store after their clients were answered, and tells then that they
 * are complete: the event says where the bytes are. If too many tails wait, a request moves its own before its answer.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { UploadId } from "../../protocol/Upload.js"
import { type StoredUpload, tailOf } from "../../store/StoredUpload.js"
import { UploadLock } from "../../store/UploadLock.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import { quietly } from "./Background.js"
import * as Backlog from "./Backlog.js"

/** How many tails wait at most, and how many bytes of them. */
export class Limit extends Context.Reference<Limit>()("effect-tus/TailMoves/Limit", {
  defaultValue: () => ({ items: 1024, bytes: 16 * 1024 * 1024 })
}) {}

/** Their commits share a transaction. */
const atOnce = 16

/** `announce` runs under the lock, with the entry of an upload that is complete and has its bytes in the byte store. */
export const make = Effect.fnUntraced(function*(
  announce: (entry: StoredUpload) => Effect.Effect<void, UploadStoreError>
) {
  const store = yield* UploadStore
  const lock = yield* UploadLock

  /**
   * Under the lock. A tail that cannot move is moved by a later sweep. If there is no space for it, what was written of
   * it is removed until then: others need that space.
   */
  const moveNow = (entry: StoredUpload) =>
    Effect.uninterruptible(
      Effect.tapErrorTag(store.moveTail(entry), "UploadStoreError", ({ message, reason }) =>
        Effect.zipRight(
          Effect.logWarning(`${entry.upload.id} stays in the registry until a later sweep: ${message}`),
          reason === "NoSpace" ? Effect.ignore(store.discard(entry)) : Effect.void
        ))
    ).pipe(
      Effect.flatMap(announce)
    )

  /** Waits for the lock, and does nothing if the tail has moved already. */
  const move = (id: UploadId) =>
    lock.withLock(id, ({ fence }) =>
      Effect.flatMap(
        store.claim(id, fence),
        (entry) => store.isYetToMove(entry) ? moveNow(entry) : Effect.void
      ))

  const backlog = yield* Backlog.make<UploadId>({
    act: (id) => quietly(move(id)),
    atOnce,
    limit: yield* Limit,
    leftBehind: (uploads) =>
      `${uploads} small uploads are still in the registry: their files are written at the next start`
  })

  return {
    move,

    /** Under the lock: moves the tail after the answer, or at once if too many wait. */
    moveSoon: (entry: StoredUpload): Effect.Effect<void> => {
      if (!backlog.hasRoom()) {
        return quietly(moveNow(entry))
      }
      backlog.add(entry.upload.id, tailOf(entry))
      return Exit.void
    },

    /** Where the bytes are, for people. A tail that has yet to move is moved first. */
    locate: (id: UploadId) =>
      Effect.zipRight(
        Effect.whenEffect(move(id), Effect.map(store.get(id), store.isYetToMove)),
        store.locate(id)
      )
  }
})
