/**
 * Assembles a final from its parts once all of them are complete, and knows why others wait. A final whose assembly was
 * stopped is open as before, and is assembled from the beginning next time.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Concat from "../../protocol/Concat.js"
import type { Policy } from "../../protocol/Policy.js"
import type { Denied } from "../../protocol/Refusal.js"
import { completionOf } from "../../protocol/Transfer.js"
import type { Upload, UploadId } from "../../protocol/Upload.js"
import type { Lease } from "../../store/UploadLock.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { Superseded, UploadStoreError } from "../../store/UploadStoreError.js"
import { UploadLimits } from "../hooks/UploadLimits.js"
import type { Concluded } from "./Concluded.js"
import * as JoinParts from "./JoinParts.js"
import * as WaitingFinals from "./WaitingFinals.js"

type Ready = Extract<Concat.Assembly, { readonly _tag: "Ready" }>

/** Completes an upload that has all its bytes now. */
type Follow = (entry: StoredUpload) => Effect.Effect<Concluded, Denied | Superseded | UploadStoreError>

export const make = Effect.fnUntraced(function*(policy: Policy, follow: Follow) {
  const store = yield* UploadStore
  const limits = yield* UploadLimits
  const joinParts = yield* JoinParts.make(policy)
  const waiting = WaitingFinals.make()

  /** The parts of an open final, in order; `Option.none` for a part that is gone. Other uploads need none. */
  const partsOf = (
    { isOpen, kind }: Upload
  ): Effect.Effect<ReadonlyArray<Option.Option<Upload>>, UploadStoreError> =>
    isOpen && kind._tag === "Final" ? store.getAll(kind.parts) : Effect.succeed([])

  const join = Effect.fnUntraced(function*(entry: StoredUpload, { length, parts }: Ready, lease: Lease) {
    if (!(yield* joinParts(entry, parts, lease))) {
      return { entry }
    }
    const completion = completionOf(entry.upload, yield* DateTime.now, policy)
    const filled = yield* store.commit(entry, entry.upload.fill(length, completion))
    return yield* follow(filled)
  })

  return {
    partsOf,

    /**
     * Fails with `Denied` if there is no space for all bytes of the parts, and with `PartGone` or `TooLarge` if the
     * final can never be assembled.
     */
    assemble: Effect.fnUntraced(function*(entry: StoredUpload, lease: Lease) {
      const { upload } = entry
      const parts = yield* partsOf(upload)
      const assembly = Concat.assemblyOf(upload, parts, policy)
      waiting.forget(upload.id)
      switch (assembly._tag) {
        case "Waiting": {
          const open = Option.firstSomeOf(parts.map(Option.filter(({ isOpen }) => isOpen)))
          if (Option.isSome(open)) {
            waiting.remember(upload.id, { _tag: "Part", id: open.value.id })
          }
          return { entry }
        }
        case "Impossible":
          return yield* assembly.refusal
        case "Ready":
          return yield* limits.growing(upload, upload, assembly.length, () => join(entry, assembly, lease))
      }
    }, Effect.uninterruptible),

    /** Remembers that there was no space for a final. */
    deny: (final: UploadId, denial: Denied) => waiting.remember(final, { _tag: "Space", denial }),

    /** Why a final with complete parts is not assembled; `Option.none` if no reason is known. */
    denialOf: ({ id, isOpen }: Upload): Option.Option<Denied> => {
      const reason = isOpen ? waiting.reasonOf(id) : undefined
      return reason?._tag === "Space" ? Option.some(reason.denial) : Option.none()
    },

    /**
     * Whether a final is known to wait for a part other than this one. With hundreds of parts it usually does, and then
     * looking at one part saves looking at all.
     */
    waitsForAnother: (final: UploadId, part: UploadId) => {
      const reason = waiting.reasonOf(final)
      return reason?._tag !== "Part" || reason.id === part
        ? Effect.succeed(false)
        : Effect.map(
          store.getAll([reason.id]),
          ([other]) => other !== undefined && Option.exists(other, ({ isOpen }) => isOpen)
        )
    }
  }
})
