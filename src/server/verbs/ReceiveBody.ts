/**
 * The byte path: moves a body into the store under a plan, commits checkpoints on the way, and settles it.
 *
 * Only the wait for the network can be interrupted. A body that is cut off, for any reason, is settled and committed
 * like one that ended.
 */
import * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Hasher } from "../../bytes/HashFunctions.js"
import * as Pull from "../../bytes/Pull.js"
import type { Policy } from "../../protocol/Policy.js"
import type { OffsetMismatch, Refusal } from "../../protocol/Refusal.js"
import * as Transfer from "../../protocol/Transfer.js"
import type { Lease } from "../../store/UploadLock.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import type { Written } from "../../store/UploadStore.js"
import type { Superseded, UploadStoreError } from "../../store/UploadStoreError.js"
import * as Instant from "../../time/Instant.js"
import * as Known from "../../time/Known.js"
import type { Allowance } from "../body/Allowance.js"
import * as BoundedBody from "../body/BoundedBody.js"
import type { UploadBody } from "../body/UploadBody.js"
import * as Checkpoints from "./Checkpoints.js"
import type { RunningBodies } from "./RunningBodies.js"
import * as VerifyBody from "./VerifyBody.js"

export interface Received {
  readonly entry: StoredUpload
  readonly refusal: Option.Option<Refusal>
}

/**
 * The store for the bytes, the hash functions for checksums, what is called after each commit of more bytes, and where
 * a HEAD finds the body.
 */
export interface Dependencies extends Checkpoints.Dependencies, VerifyBody.Dependencies {
  readonly running: RunningBodies
}

/** Moves the body of a request into the store, as `Transfer` plans and settles it. */
export type ReceiveBody = ReturnType<typeof make>

type Failure = OffsetMismatch | Superseded | UploadStoreError

export const make = (dependencies: Dependencies) => {
  const { clock, running, store } = dependencies
  const { makeHasher, verdict } = VerifyBody.make(dependencies)

  return (
    entry: StoredUpload,
    plan: Transfer.Plan,
    lease: Lease,
    body: UploadBody,
    allowance: Allowance,
    policy: Policy
  ): Effect.Effect<Received, Failure> => {
    const { upload, verification } = plan

    const receive = (hasher: Option.Option<Hasher>) => {
      const bounded = BoundedBody.make(body, plan, allowance, hasher)
      const { close, commit, flush, onWritten, reached, salvage } = Checkpoints.make(dependencies, entry, plan, policy)
      lease.onRequested(() => body.stop("TakenOver"))

      const settle = (
        { end, tail }: Written,
        ending: Transfer.Receipt["ending"],
        verdict: Transfer.Receipt["verdict"]
      ) => {
        const receipt = { received: end - upload.offset, ending, verdict }
        const settled = Transfer.settle(plan, receipt, Instant.of(clock), policy)
        const isLeft = tail === undefined && end > settled.upload.offset
        return Known.flatMap(settled.upload === upload ? Exit.void : commit(settled.upload, tail), () =>
          Known.map(
            isLeft ? Effect.ignoreLogged(store.discard(reached.entry)) : Exit.void,
            () => ({ entry: reached.entry, refusal: settled.refusal })
          ))
      }

      const ended = (written: Written) => {
        const ending = bounded.ending()
        const isVerified = ending === "Ended" && verification._tag !== "None"
        return Known.flatMap(
          isVerified ? verdict(plan, written, hasher, body.trailers, policy) : Exit.succeed(VerifyBody.unverified),
          (verdict) => settle(written, ending, verdict)
        )
      }

      const leave = () => {
        running.leave(upload.id)
        return close()
      }

      // The request fails with the error of the store.
      const write = (pull: Pull.Pull<UploadStoreError>): Effect.Effect<Received, Failure> =>
        Known.matchCauseEffect(Known.suspend(() => store.write(entry, pull, onWritten)), {
          onSuccess: (written) => Known.flatMap(leave(), () => ended(written)),
          onFailure: (cause) =>
            Known.flatMap(
              leave(),
              () =>
                Option.exists(Cause.failureOption(cause), ({ _tag }) => _tag === "UploadStoreError")
                  ? Effect.zipRight(salvage, Exit.failCause(cause))
                  : Exit.failCause(cause)
            )
        })

      if (!upload.isOpen) {
        return Effect.flatMap(Pull.forEachBatch(bounded.pull, () => Effect.void), () => ended({ end: upload.offset }))
      }
      running.enter(upload.id, flush(() => body.flush?.() ?? false))
      return body.hasEnded === undefined ? write(bounded.pull) : gathered(bounded, write)
    }

    // A fiber may be interrupted between the call and this effect, and then nobody would take the body out again.
    return Effect.uninterruptible(Effect.suspend(() =>
      Known.flatMap(
        verification._tag === "Before" ? Known.map(makeHasher(verification.checksum), Option.some) : none,
        receive
      )
    ))
  }
}

const none = Exit.succeed(Option.none<Hasher>())

/** A small body is there before the store is asked to write. A pull that fails fails for the store. */
const gathered = <A, E>(
  { first, hasEnded, pull }: BoundedBody.BoundedBody,
  write: (pull: Pull.Pull<UploadStoreError>) => Effect.Effect<A, E>
): Effect.Effect<A, E> =>
  Effect.matchCauseEffect(first, {
    onFailure: (end) => write(Exit.failCause(end)),
    onSuccess: (batch: Chunk.Chunk<Uint8Array>) => write(hasEnded() ? Pull.whole(batch) : Pull.after(batch, pull))
  })
