/**
 * A body on its way into the store. It ends at the room there is, and each byte is hashed as it passes. Whatever cuts
 * the body off ends it, and never fails it: `ending` tells afterwards how it ended.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Hasher } from "../../bytes/HashFunctions.js"
import * as Pull from "../../bytes/Pull.js"
import type * as Transfer from "../../protocol/Transfer.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import type { Allowance } from "./Allowance.js"
import type { UploadBody } from "./UploadBody.js"

export interface BoundedBody {
  readonly pull: Pull.Pull<UploadStoreError>
  /** The first pull: nothing is left over of an earlier one. */
  readonly first: Pull.Pull
  /** Known when `pull` has come to the end. */
  readonly ending: () => Transfer.Receipt["ending"]
  /** Whether the last batch was pulled, and the next pull is known to be the end. */
  readonly hasEnded: () => boolean
}

export const make = (
  body: UploadBody,
  plan: Pick<Transfer.Plan, "room" | "upload">,
  allowance: Allowance,
  hasher: Option.Option<Hasher>
): BoundedBody => {
  const { offset } = plan.upload
  let taken = 0
  let most = Math.min(plan.room, allowance.size - offset)
  /** Bytes that have arrived, and have no room yet. */
  let waiting = nothing
  let ending: Transfer.Receipt["ending"] | undefined

  const take = (batch: Chunk.Chunk<Uint8Array>) => {
    const size = Pull.sizeOf(batch)
    const left = most - taken
    const [kept, rest] = size <= left ? [batch, nothing] : split(batch, left)
    waiting = rest
    taken += Math.min(size, left)
    if (Option.isSome(hasher)) {
      Chunk.forEach(kept, (bytes) => hasher.value.update(bytes))
    }
    if (size <= left && body.hasEnded?.() === true) {
      ending = "Ended"
    }
    return kept
  }

  const end = (how: Transfer.Receipt["ending"]) => {
    ending = how
    return Pull.end
  }

  // Only the wait for the network can be interrupted. It then looks as if the client had disconnected.
  const arriving: Pull.Pull = Effect.matchCauseEffect(Effect.interruptible(body.pull), {
    onSuccess: (batch) => Exit.succeed(take(batch)),
    onFailure: (cause) =>
      Cause.isInterruptedOnly(cause)
        ? end("Disconnected")
        : Either.match(Cause.failureOrCause(cause), {
          onLeft: (cut) => end(Option.getOrElse(cut, () => "Ended" as const)),
          onRight: Effect.failCause
        })
  })

  /** The caller pulls again only after it has stored the last batch. */
  const further: Pull.Pull<UploadStoreError> = Effect.suspend(() =>
    taken === plan.room
      ? end("Overrun")
      : Effect.matchEffect(allowance.more(offset + taken), {
        onFailure: (error) => error._tag === "Denied" ? end(error) : Effect.fail(Option.some(error)),
        onSuccess: (next) => {
          if (next.size <= allowance.size) {
            return Effect.die(new Error(`expected more room than ${allowance.size} bytes, or to be denied it`))
          }
          allowance = next
          most = Math.min(plan.room, allowance.size - offset)
          return Effect.succeed(take(waiting))
        }
      })
  )

  return {
    pull: Effect.suspend(() => ending !== undefined ? Pull.end : Chunk.isEmpty(waiting) ? arriving : further),
    first: arriving,
    ending: () => ending ?? "Disconnected",
    hasEnded: () => ending === "Ended"
  }
}

const nothing: Chunk.Chunk<Uint8Array> = Chunk.empty()

/** The first `size` bytes, and the others. */
const split = (batch: Chunk.Chunk<Uint8Array>, size: number) => {
  const kept: Array<Uint8Array> = []
  const rest: Array<Uint8Array> = []
  for (const bytes of batch) {
    if (size > 0) {
      kept.push(bytes.subarray(0, size))
    }
    if (size < bytes.length) {
      rest.push(bytes.subarray(Math.max(0, size)))
    }
    size -= bytes.length
  }
  return [Chunk.unsafeFromArray(kept), Chunk.unsafeFromArray(rest)] as const
}
