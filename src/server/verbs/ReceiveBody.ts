/**
 * The byte path: moves a body into the store under a plan, commits checkpoints on the way, and settles it.
 *
 * Only the wait for the network can be interrupted. A body that is cut off, for any reason, is settled and committed
 * like one that ended.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { forEachBatch } from "../../bytes/Pull.js"
import type { Policy } from "../../protocol/Policy.js"
import type { Refusal } from "../../protocol/Refusal.js"
import * as Transfer from "../../protocol/Transfer.js"
import type { Lease } from "../../store/UploadLock.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import * as Monotonic from "../../time/Monotonic.js"
import type { Allowance } from "../body/Allowance.js"
import * as BoundedBody from "../body/BoundedBody.js"
import type { UploadBody } from "../body/UploadBody.js"
import * as Checkpoints from "./Checkpoints.js"
import * as VerifyBody from "./VerifyBody.js"

export interface Received {
  readonly entry: StoredUpload
  readonly refusal: Option.Option<Refusal>
}

/** The store for the bytes, the hash functions for checksums, and what is called after each commit of more bytes. */
export interface Dependencies extends Checkpoints.Dependencies, VerifyBody.Dependencies {}

/** Moves the body of a request into the store, as `Transfer` plans and settles it. */
export type ReceiveBody = ReturnType<typeof make>

export const make = (dependencies: Dependencies) => {
  const { store } = dependencies
  const { makeHasher, verdict } = VerifyBody.make(dependencies)

  return Effect.fnUntraced(function*(
    entry: StoredUpload,
    plan: Transfer.Plan,
    lease: Lease,
    body: UploadBody,
    allowance: Allowance,
    policy: Policy
  ) {
    const { upload, verification } = plan
    const hasher = verification._tag === "Before"
      ? Option.some(yield* makeHasher(verification.checksum))
      : Option.none()
    const bounded = BoundedBody.make(body, plan, allowance, hasher)
    lease.onRequested(() => body.stop("TakenOver"))
    const { commit, onWritten, reached, salvage } = Checkpoints.make(
      dependencies,
      entry,
      plan,
      policy,
      yield* Monotonic.millis
    )

    // The request fails with the error of the store.
    yield* upload.isOpen
      ? Effect.tapError(
        store.write(entry, bounded.pull, onWritten),
        (error) => error._tag === "UploadStoreError" ? salvage : Effect.void
      )
      : forEachBatch(bounded.pull, () => Effect.void)

    const ending = bounded.ending()
    const receipt: Transfer.Receipt = {
      received: reached.end - upload.offset,
      ending,
      verdict: ending === "Ended" && verification._tag !== "None"
        ? yield* verdict(plan, reached.end, hasher, body.trailers, policy)
        : VerifyBody.unverified
    }
    const settled = Transfer.settle(plan, receipt, yield* DateTime.now, policy)
    if (settled.upload !== upload) {
      yield* commit(settled.upload)
    }
    if (reached.end > settled.upload.offset) {
      yield* Effect.ignoreLogged(store.discard(reached.entry))
    }
    return { entry: reached.entry, refusal: settled.refusal }
  }, Effect.uninterruptible)
}
