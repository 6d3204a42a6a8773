/**
 * Makes one object of ranges of others: by copies within the store where it can do that, otherwise by reading and
 * writing again.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import { UploadStoreError } from "../store/UploadStoreError.js"
import * as Joining from "./Joining.js"
import type { Chapter, ObjectPiece } from "./Manifest.js"
import type { PartMemory } from "./PartMemory.js"
import { type S3Calls, toStoreError } from "./S3Calls.js"
import type { Part } from "./S3Objects.js"

export interface Dependencies {
  readonly calls: S3Calls
  readonly memory: PartMemory
  /** In bytes. */
  readonly partSize: number
  readonly maxParts: number
}

/** How many parts of one object are under way. */
const concurrency = 16

export type Join = ReturnType<typeof make>

export const make = ({ calls, maxParts, memory, partSize }: Dependencies) => {
  let canCopy = true

  const written = (
    to: Chapter,
    { number, size, sources }: Joining.JoinedPart
  ): Effect.Effect<string, UploadStoreError> =>
    memory.use(
      size,
      Effect.suspend(() => {
        const bytes = new Uint8Array(size)
        return Effect.zipRight(
          calls.gather(sources, bytes),
          Effect.mapError(calls.uploadPart(to, number, bytes), toStoreError("Write"))
        )
      })
    )

  const part = (to: Chapter, part: Joining.JoinedPart): Effect.Effect<string, UploadStoreError> => {
    const [source] = part.sources
    return !canCopy || source === undefined || part.sources.length > 1
      ? written(to, part)
      : Effect.catchAll(calls.copyPart(to, part.number, source), (error) => {
        if (error.reason !== "Unsupported") {
          return toStoreError("Write")(error)
        }
        canCopy = false
        return written(to, part)
      })
  }

  const inParts = (key: string, parts: ReadonlyArray<Joining.JoinedPart>) =>
    Effect.flatMap(calls.createChapter(key), (created) => {
      const chapter: Chapter = { ...created, chapter: 0, start: 0, partSize, writer: undefined }
      return Effect.forEach(
        parts,
        (joined) => Effect.map(part(chapter, joined), (etag): Part & { size: number } => ({ ...joined, etag })),
        { concurrency }
      ).pipe(
        Effect.flatMap((list) => Effect.mapError(calls.completed(chapter, list), toStoreError("Write"))),
        Effect.filterOrFail(Option.isSome, () =>
          new UploadStoreError({
            reason: "Unavailable",
            operation: `complete ${key}`,
            cause: new Error("somebody has aborted the multipart upload")
          })),
        Effect.onError(() => calls.clean([], [chapter]))
      )
    })

  /** The sources, in order, as a new object. */
  return (id: UploadId, fence: number, sources: ReadonlyArray<Joining.Source>) =>
    Effect.suspend((): Effect.Effect<ObjectPiece, UploadStoreError> => {
      const size = Joining.sizeOf(sources)
      const key = calls.newKey(id, 0, fence)
      const parts = Joining.parts(sources, Joining.partSizeFor(size, partSize, maxParts))
      const object: ObjectPiece = { _tag: "Object", start: 0, size, key, objectSize: size }
      return Effect.as(
        parts.length > 1 ? inParts(key, parts) : memory.use(
          size,
          Effect.suspend(() => {
            const bytes = new Uint8Array(size)
            return Effect.zipRight(calls.gather(sources, bytes), calls.put(key, bytes))
          })
        ),
        object
      )
    })
}
