/**
 * A body on its way into the store: bounded by the room there is, hashed as it passes, and ended, never failed, by
 * whatever cuts it off. How it ended is asked afterwards.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Append from "../protocol/Append.js"
import type { Hasher } from "../store/Digests.js"
import * as Pull from "../store/Pull.js"
import type { Cut, UploadBody } from "./UploadBody.js"

export interface Intake {
  readonly pull: Pull.Pull
  /** Known when `pull` has come to the end. */
  readonly ending: () => Append.Receipt["ending"]
}

export const make = (body: UploadBody, room: number, hasher: Option.Option<Hasher>): Intake => {
  let left = room
  let ending: Append.Receipt["ending"] | undefined

  const take = (batch: Chunk.Chunk<Uint8Array>) => {
    const size = Pull.sizeOf(batch)
    const kept = size <= left ? batch : prefix(batch, left)
    if (size > left) {
      ending = "Overrun"
    }
    left -= Math.min(size, left)
    if (Option.isSome(hasher)) {
      Chunk.forEach(kept, (bytes) => hasher.value.update(bytes))
    }
    return kept
  }

  const end = (cut: Option.Option<Cut>) => {
    ending = Option.getOrElse(cut, () => "Ended" as const)
    return Pull.end
  }

  // The wait for the network is the only place where the writer can be interrupted; it is then as if the sender had gone.
  const pull: Pull.Pull = Effect.matchCauseEffect(Effect.interruptible(body.pull), {
    onSuccess: (batch) => Effect.succeed(take(batch)),
    onFailure: (cause) =>
      Cause.isInterruptedOnly(cause)
        ? end(Option.some("Disconnected"))
        : Either.match(Cause.failureOrCause(cause), { onLeft: end, onRight: Effect.failCause })
  })

  return {
    pull: Effect.suspend(() => (ending === undefined ? pull : Pull.end)),
    ending: () => ending ?? "Disconnected"
  }
}

/** The first `size` bytes. */
const prefix = (batch: Chunk.Chunk<Uint8Array>, size: number): Chunk.Chunk<Uint8Array> => {
  const kept: Array<Uint8Array> = []
  for (const bytes of batch) {
    if (size <= 0) {
      break
    }
    kept.push(bytes.subarray(0, size))
    size -= bytes.length
  }
  return Chunk.unsafeFromArray(kept)
}
