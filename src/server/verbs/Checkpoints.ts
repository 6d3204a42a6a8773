/**
 * Commits the bytes of a body while it still arrives, so that `kill -9` costs little, and knows how far the body has
 * come.
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
import * as Instant from "../../time/Instant.js"
import * as Monotonic from "../../time/Monotonic.js"

/** The most that `kill -9` loses of a running body. */
const checkpointBytes = 8 * 1024 * 1024
const checkpointMillis = 1000

export interface Dependencies {
  readonly clock: Clock.Clock
  readonly store: UploadStore["Type"]
  /** Called after each commit of more bytes of an upload that is still open. */
  readonly tell: (upload: Upload) => Effect.Effect<void>
}

/** How far a body has come. */
interface Reached {
  /** The last committed state. */
  entry: StoredUpload
  /** The offset that the written bytes reach. */
  end: number
  /** The same at the last commit, and its time in milliseconds of the monotonic clock. */
  committed: { readonly end: number; readonly at: number }
  /** False after a commit that failed: the bytes may be lost. */
  isSound: boolean
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
  const reached: Reached = { entry, end: offset, committed: { end: offset, at: millis() }, isSound: true }

  /** A new upload (version 0) has not been announced yet, so it has no progress. */
  const progress = ({ upload }: StoredUpload) => upload.isOpen && entry.version > 0 ? tell(upload) : Exit.void

  const commit = (next: Upload) =>
    Effect.flatMap(store.commit(reached.entry, next), (entry) => {
      reached.entry = entry
      return progress(entry)
    })

  const checkpoint = Effect.suspend(() =>
    Option.match(Transfer.checkpoint(plan, reached.end - offset, Instant.of(clock), policy), {
      onNone: () => Effect.void,
      onSome: (next) =>
        Effect.map(commit(next), () => {
          reached.committed = { end: reached.end, at: millis() }
        })
    })
  ).pipe(Effect.tapErrorCause(() =>
    Effect.sync(() => {
      reached.isSound = false
    })
  ))

  return {
    reached: reached as Readonly<Reached>,

    commit,

    /** Runs after each write, with the offset that it reaches. */
    onWritten: (end: number) => {
      reached.end = end
      const { committed } = reached
      const isDue = end - committed.end >= checkpointBytes || millis() - committed.at >= checkpointMillis
      return isDue ? checkpoint : Exit.void
    },

    /**
     * For a store that failed: bytes that were written before are committed, unless a checkpoint failed. Bytes beyond
     * the offset are cut off, which frees their space.
     */
    salvage: Effect.suspend(() => reached.isSound ? checkpoint : Effect.void).pipe(
      Effect.catchTag("UploadStoreError", () => Effect.void),
      Effect.zipRight(Effect.suspend(() => store.claim(plan.upload.id, entry.fence))),
      Effect.flatMap(store.discard),
      Effect.ignoreLogged
    )
  }
}
