/**
 * Stores a new upload with the bytes that come along, or joins its parts. The caller removes it again if that fails.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Policy } from "../../protocol/Policy.js"
import { Denied } from "../../protocol/Refusal.js"
import { type Lease, UploadLock } from "../../store/UploadLock.js"
import { draft } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { UploadBody } from "../body/UploadBody.js"
import { UploadEvents } from "../hooks/UploadEvents.js"
import { UploadLimits } from "../hooks/UploadLimits.js"
import type { Proposal } from "./ProposeUpload.js"
import type { Dependencies } from "./Verb.js"

export const make = Effect.fnUntraced(function*({ completion, receive }: Omit<Dependencies, "hooks">) {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const events = yield* UploadEvents
  const limits = yield* UploadLimits

  const tell = ({ upload }: Proposal) => events.publish({ _tag: "Created", upload })

  return {
    /** An id from the application may be in use: then the request is refused, and that upload is not touched. */
    withLock: <A, E>({ isIdGiven, upload: { id } }: Proposal, use: (lease: Lease) => Effect.Effect<A, E>) =>
      isIdGiven
        ? Effect.flatMap(
          lock.withLockIfFree(id, (lease) =>
            store.get(id).pipe(
              Effect.as(Option.none<A>()),
              Effect.catchTag(
                "UploadNotFound",
                () =>
                  Effect.flatMap(store.vacate(id), (isFree) => isFree ? Effect.asSome(use(lease)) : Effect.succeedNone)
              )
            )),
          (used) =>
            Effect.mapError(Option.flatten(used), () => new Denied({ status: 409, reason: `the id ${id} is taken` }))
        )
        : lock.withLock(id, use),

    /**
     * An interrupted body keeps the upload, and the client is told its offset. Any other refusal is a failure.
     */
    fill: (proposal: Proposal, lease: Lease, body: UploadBody, policy: Policy) => {
      const { isSmall, plan, upload, wanted } = proposal
      return limits.growing(
        upload,
        undefined,
        wanted,
        Effect.fnUntraced(function*(allowance) {
          const entry = isSmall
            ? draft(upload, lease.fence)
            : yield* Effect.zipLeft(store.create(upload, lease.fence), tell(proposal))
          const { entry: received, refusal } = Option.isSome(plan)
            ? yield* receive(entry, plan.value, lease, body, allowance, policy)
            : { entry, refusal: Option.none() }
          if (Option.isSome(refusal) && refusal.value._tag !== "Interrupted") {
            return yield* refusal.value
          }
          const stored = received.version === 0
            ? yield* store.commit(received, received.upload)
            : received
          if (isSmall) {
            yield* tell(proposal)
          }
          return yield* completion.follow(stored)
        })
      )
    },

    /** The limits are checked again when the final is assembled: only then its length is known. */
    join: (proposal: Proposal, lease: Lease) => {
      const { upload, wanted } = proposal
      return limits.growing(upload, undefined, wanted, () => store.create(upload, lease.fence)).pipe(
        Effect.zipLeft(tell(proposal)),
        Effect.flatMap((entry) => completion.assemble(entry, lease))
      )
    },

    /** Removes what there is of the upload. */
    undo: ({ upload }: Proposal, { fence }: Lease) =>
      store.claim(upload.id, fence).pipe(
        Effect.catchTag("UploadNotFound", () => Effect.succeed(draft(upload, fence))),
        Effect.flatMap((entry) => store.remove(entry)),
        Effect.ignore
      )
  }
})
