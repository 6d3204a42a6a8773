/**
 * One writer per upload. A new request asks the holder to leave, waits for its turn, and gets a fence: a number above
 * all earlier ones.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import * as Known from "../time/Known.js"
import * as LockLines from "./LockLines.js"
import { UploadRegistry } from "./UploadRegistry.js"
import type { UploadStoreError } from "./UploadStoreError.js"

/** What the holder of a lock gets. */
export interface Lease {
  /** Greater than every fence of this upload before; each write carries it. */
  readonly fence: number
  /**
   * Calls `listener` as soon as the holder has to leave, at once if it already has: another request asks for the
   * upload, or the lease is lost or about to be, because the lock service cannot be reached. If the holder stays, its
   * fence makes its writes fail.
   */
  readonly onRequested: (listener: () => void) => void
}

/**
 * The contract of a lock: one writer per upload. `layerMemory` is for one process; `UploadLockSuite` tests a lock of
 * your own. Everything that writes to the same store has to share it. Until its effect runs, a method holds nothing and
 * asks nobody to leave.
 */
export class UploadLock extends Context.Tag("effect-tus/UploadLock")<UploadLock, {
  /**
   * Runs `use` as the only writer of the upload, in the order of arrival. The holder is asked to leave and not
   * interrupted: it stops waiting for the network, commits what it has, and leaves.
   */
  readonly withLock: <A, E, R>(
    id: UploadId,
    use: (lease: Lease) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | UploadStoreError, R>

  /** Runs `use` if nobody holds the upload; otherwise returns `Option.none`. */
  readonly withLockIfFree: <A, E, R>(
    id: UploadId,
    use: (lease: Lease) => Effect.Effect<A, E, R>
  ) => Effect.Effect<Option.Option<A>, E | UploadStoreError, R>

  /**
   * Whether nobody holds the upload now. The server then refuses without the lock what the state refuses. Left out by a
   * lock that would have to wait for the answer.
   */
  readonly isFree?: ((id: UploadId) => boolean) | undefined
}>() {}

/**
 * Locks of one process. Fences continue above the highest fence of the registry, so that those of an earlier process
 * are lower.
 */
export const layerMemory: Layer.Layer<UploadLock, UploadStoreError, UploadRegistry> = Layer.effect(
  UploadLock,
  Effect.gen(function*() {
    const registry = yield* UploadRegistry
    let fence = yield* registry.lastFence
    const lines = LockLines.make()

    /** Uninterruptible, except while `use` runs. */
    const hold = <A, E, R>(
      holder: LockLines.Holder,
      id: UploadId,
      use: (lease: Lease) => Effect.Effect<A, E, R>,
      restore: LockLines.Restore
    ) => {
      const used = Known.suspend(() => use({ fence: ++fence, onRequested: holder.onRequested }))
      return Known.matchCauseEffect(Known.exit(used) ?? restore(used), {
        onFailure: (cause) => {
          lines.leave(id)
          return Exit.failCause(cause)
        },
        onSuccess: (a) => {
          lines.leave(id)
          return Exit.succeed(a)
        }
      })
    }

    return UploadLock.of({
      withLock: (id, use) =>
        Effect.uninterruptibleMask((restore) => {
          const holder = lines.enterIfFree(id)
          return holder === undefined
            ? Effect.flatMap(lines.wait(id, restore), (holder) => hold(holder, id, use, restore))
            : hold(holder, id, use, restore)
        }),
      withLockIfFree: (id, use) =>
        Effect.uninterruptibleMask((restore) => {
          const holder = lines.enterIfFree(id)
          return holder === undefined ? Effect.succeedNone : Effect.asSome(hold(holder, id, use, restore))
        }),
      isFree: (id) => !lines.has(id)
    })
  })
)
