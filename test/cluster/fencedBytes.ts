/**
 * Bytes in memory that several servers of one process share: a write under a lower fence than there was is refused.
 */
import { ByteStore, type Pull, type Upload, UploadStoreError } from "effect-tus"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"

export const make: Effect.Effect<ByteStore.ByteStore["Type"]> = Effect.gen(function*() {
  const bytes = Context.get(yield* Effect.scoped(Layer.build(ByteStore.layerMemory)), ByteStore.ByteStore)
  const fences = new Map<Upload.UploadId, number>()

  const check = (id: Upload.UploadId, fence: number) =>
    Effect.suspend(() => {
      if (fence < (fences.get(id) ?? 0)) {
        return Effect.fail(new UploadStoreError.Superseded({ id }))
      }
      fences.set(id, fence)
      return Effect.void
    })

  /** Bytes that come late are refused, too. */
  const checked = <E, R>(
    pull: Pull.Pull<E, R>,
    id: Upload.UploadId,
    fence: number
  ): Pull.Pull<E | UploadStoreError.Superseded, R> =>
    Effect.flatMap(pull, (batch) => Effect.as(Effect.mapError(check(id, fence), Option.some), batch))

  return ByteStore.ByteStore.of({
    ...bytes,
    isShared: true,
    append: (id, place, pull, onWritten) =>
      Effect.zipRight(
        check(id, place.fence),
        bytes.append(id, place, checked(pull, id, place.fence), onWritten)
      ),
    truncate: (id, place) => Effect.zipRight(check(id, place.fence), bytes.truncate(id, place)),
    concat: (id, parts, fence) => Effect.zipRight(check(id, fence), bytes.concat(id, parts, fence)),
    remove: (id, fence) => Effect.zipRight(check(id, fence), bytes.remove(id, fence))
  })
})
