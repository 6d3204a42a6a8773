/**
 * The byte path: moves a body into the store under a plan, commits checkpoints on the way, and settles it.
 *
 * Only the wait for the network can be interrupted. A body that is cut off, for any reason, is settled and committed
 * like one that ended.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Hasher, HashFunctions } from "../../bytes/HashFunctions.js"
import { forEachBatch } from "../../bytes/Pull.js"
import * as BodyHeaders from "../../protocol/BodyHeaders.js"
import type { Checksum } from "../../protocol/Checksum.js"
import type { Policy } from "../../protocol/Policy.js"
import { ChecksumMismatch, isRefusal, type Refusal } from "../../protocol/Refusal.js"
import * as Transfer from "../../protocol/Transfer.js"
import type { Upload } from "../../protocol/Upload.js"
import type { Lease } from "../../store/UploadLock.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import type { UploadStore } from "../../store/UploadStore.js"
import * as Monotonic from "../../time/Monotonic.js"
import type { Allowance } from "../body/Allowance.js"
import * as BoundedBody from "../body/BoundedBody.js"
import type { UploadBody } from "../body/UploadBody.js"

/** The most that `kill -9` loses of a running body. */
const checkpointBytes = 8 * 1024 * 1024
const checkpointMillis = 1000

export interface Received {
  readonly entry: StoredUpload
  readonly refusal: Option.Option<Refusal>
}

/** The store for the bytes, and the hash functions for checksums. */
export interface Dependencies {
  readonly store: UploadStore["Type"]
  readonly digests: HashFunctions["Type"]
  /** Called after each commit of more bytes of an upload that is still open. */
  readonly tell: (upload: Upload) => Effect.Effect<void>
}

/** Moves the body of a request into the store, as `Transfer` plans and settles it. */
export type ReceiveBody = ReturnType<typeof make>

export const make = ({ digests, store, tell }: Dependencies) => {
  const makeHasher = ({ algorithm }: Checksum) => Effect.orDie(Effect.fromNullable(digests.get(algorithm)?.()))

  return Effect.fnUntraced(function*(
    entry: StoredUpload,
    plan: Transfer.Plan,
    lease: Lease,
    body: UploadBody,
    allowance: Allowance,
    policy: Policy
  ) {
    const { offset } = plan.upload
    const { verification } = plan
    const hasher = verification._tag === "Header"
      ? Option.some(yield* makeHasher(verification.checksum))
      : Option.none()
    const bounded = BoundedBody.make(body, plan, allowance, hasher)
    lease.onRequested(() => body.stop("TakenOver"))

    let latest = entry
    let end: number = offset
    let saved = { end, at: yield* Monotonic.millis }
    let isSound = true

    /** A new upload (version 0) has not been announced yet, so it has no progress. */
    const progress = ({ upload }: StoredUpload) => upload.isOpen && entry.version > 0 ? tell(upload) : Effect.void

    const checkpoint = Effect.gen(function*() {
      const next = Transfer.checkpoint(plan, end - offset, yield* DateTime.now, policy)
      if (Option.isSome(next)) {
        latest = yield* store.commit(latest, next.value, lease.fence)
        yield* progress(latest)
        saved = { end, at: yield* Monotonic.millis }
      }
    }).pipe(Effect.tapErrorCause(() =>
      Effect.sync(() => {
        isSound = false
      })
    ))

    const onWritten = (written: number) => {
      end = written
      return end - saved.end >= checkpointBytes
        ? checkpoint
        : Effect.clockWith((clock) =>
          Monotonic.unsafeMillis(clock) - saved.at >= checkpointMillis ? checkpoint : Effect.void
        )
    }

    const verify = Effect.gen(function*() {
      if (verification._tag === "Header" && Option.isSome(hasher)) {
        yield* check(verification.checksum, hasher.value)
      }
      if (verification._tag === "Trailer") {
        // The algorithm is known only now, so the bytes are read back, usually from the page cache.
        const checksum = yield* BodyHeaders.trailing(yield* body.trailers, policy)
        const hasher = yield* makeHasher(checksum)
        const written = store.read(plan.upload.id, { start: offset, end })
        yield* Stream.runForEach(written, (bytes) => Effect.sync(() => hasher.update(bytes)))
        yield* check(checksum, hasher)
      }
    })

    // Bytes that were written before the store failed are committed, unless a checkpoint failed: its bytes may be lost.
    // Bytes beyond the offset are cut off, which frees their space. The failure of the store is the answer.
    const salvage = Effect.suspend(() => isSound ? checkpoint : Effect.void).pipe(
      Effect.catchTag("UploadStoreError", () => Effect.void),
      Effect.zipRight(store.get(plan.upload.id)),
      Effect.flatMap(store.discard),
      Effect.ignoreLogged
    )
    yield* plan.upload.isOpen
      ? Effect.tapError(
        store.write(entry, bounded.pull, onWritten),
        (error) => error._tag === "UploadStoreError" ? salvage : Effect.void
      )
      : forEachBatch(bounded.pull, () => Effect.void)
    const ending = bounded.ending()
    const verdict = ending === "Ended" && verification._tag !== "None"
      ? yield* Effect.either(verify).pipe(Effect.flatMap(Either.match({
        onLeft: (error) => (isRefusal(error) ? Effect.succeed(Either.left(error)) : Effect.fail(error)),
        onRight: () => Effect.succeed(unverified)
      })))
      : unverified
    const now = yield* DateTime.now
    const { refusal, upload } = Transfer.settle(plan, { received: end - offset, ending, verdict }, now, policy)
    if (upload !== plan.upload) {
      latest = yield* store.commit(latest, upload, lease.fence)
      yield* progress(latest)
    }
    if (end > upload.offset) {
      yield* Effect.ignoreLogged(store.discard(latest))
    }
    return { entry: latest, refusal }
  }, Effect.uninterruptible)
}

const unverified: Transfer.Receipt["verdict"] = Either.right(undefined)

const check = (checksum: Checksum, hasher: Hasher) =>
  checksum.matches(hasher.digest())
    ? Effect.void
    : Effect.fail(new ChecksumMismatch({ algorithm: checksum.algorithm }))
