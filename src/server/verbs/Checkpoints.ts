/**
 * Commits the bytes of a body while it still arrives, so that `kill -9` costs little and a HEAD tells what has come,
 * and knows how far the body has come.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Policy } from "../../protocol/Policy.js"
import * as Transfer from "../../protocol/Transfer.js"
import type { Upload } from "../../protocol/Upload.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import type { UploadStore } from "../../store/UploadStore.js"
import type { Superseded, UploadStoreError } from "../../store/UploadStoreError.js"
import * as Instant from "../../time/Instant.js"
import * as Monotonic from "../../time/Monotonic.js"
import { Signal } from "../../time/Signal.js"
import * as CommitsInTurn from "./CommitsInTurn.js"
import * as Flush from "./Flush.js"

/** The most that `kill -9` loses of a running body. */
const checkpointBytes = 8 * 1024 * 1024
const checkpointMillis = 1000

export interface Dependencies {
  readonly clock: Clock.Clock
  readonly store: UploadStore["Type"]
  /** Called after each commit of more bytes of an upload that is still open. */
  readonly tell: (upload: Upload) => Effect.Effect<void>
}

/** How long a HEAD waits for a commit. */
const patience = "1 second"

/** How far a body has come. */
interface Reached {
  /** The last committed state. */
  entry: StoredUpload
  /** The offset that the written bytes reach. */
  end: number
  /** The same at the last commit, and its time in milliseconds of the monotonic clock. */
  committed: { readonly end: number; readonly at: number }
}

/** For the body that `plan` lets in, as of now. */
export const make = (
  { clock, store, tell }: Dependencies,
  entry: StoredUpload,
  plan: Transfer.Plan,
  policy: Policy
) => {
  const { offset } = plan.upload
  const millis = () => Monotonic.unsafeMillis(clock)
  const reached: Reached = { entry, end: offset, committed: { end: offset, at: millis() } }
  const commits = CommitsInTurn.make<Superseded | UploadStoreError>()

  /** The next write, or the end of the body. */
  let nextWrite = new Signal()
  const written = () => {
    nextWrite.give()
    nextWrite = new Signal()
  }

  /** A new upload (version 0) has not been announced yet, so it has no progress. */
  const progress = ({ upload }: StoredUpload) => upload.isOpen && entry.version > 0 ? tell(upload) : Exit.void

  const committed = (entry: StoredUpload) => {
    reached.entry = entry
    return progress(entry)
  }

  const checkpoint = () =>
    commits.run(() => {
      const { end, entry } = reached
      const next = Transfer.checkpoint(plan, end - offset, Instant.of(clock), policy)
      return Option.isNone(next) || end === reached.committed.end
        ? Exit.succeed(entry)
        : Effect.map(store.commit(entry, next.value), (entry) => {
          reached.committed = { end, at: millis() }
          return entry
        })
    }, (entry) => entry === reached.entry ? Exit.void : committed(entry))

  const isVerified = plan.verification._tag !== "None"
  const flush = Flush.make({
    isDue: () => commits.isUnderWay() || (reached.end > reached.committed.end && !isVerified),
    lastCommit: () => reached.committed.at,
    commit: checkpoint
  })

  return {
    reached: reached as Readonly<Reached>,

    /** Commits the state after the body, with the bytes that wait for it. */
    commit: (next: Upload, tail: Uint8Array | undefined) =>
      commits.run(() => store.commit(reached.entry, next, tail), committed),

    /**
     * Commits what has arrived, for a HEAD, which waits for a second at most. `handOver` makes the body hand over what
     * it holds back, and returns whether that is anything. Bytes that a checksum covers do not count yet.
     */
    flush: (handOver: () => boolean) =>
      Effect.suspend(() => isVerified || !handOver() ? flush.flush : Effect.zipRight(nextWrite.wait(), flush.flush))
        .pipe(Effect.timeoutOption(patience), Effect.asVoid),

    /** The body has ended: no commit for a HEAD begins any more, and afterwards none is under way. */
    close: () => {
      written()
      flush.end()
      return commits.idle()
    },

    /** Runs after each write, with the offset that it reaches. */
    onWritten: (end: number) => {
      reached.end = end
      written()
      const { committed } = reached
      const isDue = commits.hasFailed() || end - committed.end >= checkpointBytes ||
        millis() - committed.at >= checkpointMillis
      return isDue ? checkpoint() : Exit.void
    },

    /**
     * For a store that failed: bytes that were written before are committed, unless a checkpoint failed. Bytes beyond
     * the offset are cut off, which frees their space.
     */
    salvage: Effect.suspend(checkpoint).pipe(
      Effect.catchTag("UploadStoreError", () => Effect.void),
      Effect.zipRight(store.claim(plan.upload.id, entry.fence)),
      Effect.flatMap(store.discard),
      Effect.ignoreLogged
    )
  }
}
