/**
 * Makes chapters objects. Each step is recorded before the next one begins.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import { type Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import * as Manifest from "./Manifest.js"
import type { Manifests } from "./Manifests.js"
import type { PartMemory } from "./PartMemory.js"
import { listOf, type S3Calls, toStoreError } from "./S3Calls.js"

export interface Dependencies {
  readonly calls: S3Calls
  readonly manifests: Manifests
  readonly memory: PartMemory
}

/** An upload whose manifest is known to be this one. */
export interface Held {
  readonly id: UploadId
  readonly fence: number
  readonly manifest: Manifest.Manifest
}

/** Records what the manifest is now. */
export const record = (
  { manifests }: Pick<Dependencies, "manifests">,
  { fence, id, manifest: before }: Held,
  after: Manifest.Manifest,
  isSealed = false
): Effect.Effect<Held, Superseded | UploadStoreError> =>
  Effect.as(manifests.change({ id, fence, before, after, isSealed }), { id, fence, manifest: after })

export const make = (dependencies: Dependencies) => {
  const { calls, memory } = dependencies

  /** From now on nobody goes on with the chapter. */
  const hold = (held: Held, chapter: Manifest.Chapter) =>
    chapter.writer === undefined
      ? record(dependencies, held, Manifest.held(held.manifest, chapter, Manifest.sealing))
      : Effect.succeed(held)

  /** Makes the chapter an object, of exactly these parts or of more. If it is gone, so are its bytes. */
  const complete = (held: Held, chapter: Manifest.Chapter, list: ReturnType<typeof listOf>) =>
    Effect.flatMap(
      Effect.mapError(calls.completed(chapter, list), toStoreError("Write")),
      Option.match({
        onSome: (size) => record(dependencies, held, Manifest.completed(held.manifest, chapter, size)),
        onNone: () =>
          Effect.zipRight(record(dependencies, held, Manifest.lost(held.manifest, chapter)), gone(held.id, chapter))
      })
    )

  /** Makes the rest the last part, and completes the chapter. */
  const completeWhole = (held: Held, { chapter, parts, rest }: Extract<Manifest.Seal, { _tag: "Complete" }>) =>
    Effect.gen(function*() {
      const mine = yield* hold(held, chapter)
      const size = rest.reduce((sum, { size }) => sum + size, 0)
      if (size === 0) {
        return yield* complete(mine, chapter, listOf(parts))
      }
      const number = parts.length + 1
      const etag = yield* memory.use(
        size,
        Effect.suspend(() => {
          const bytes = new Uint8Array(size)
          return Effect.zipRight(
            calls.gather(rest.map((piece) => ({ key: piece.key, start: 0, end: piece.size })), bytes),
            Effect.mapError(calls.uploadPart(chapter, number, bytes), toStoreError("Write"))
          )
        })
      )
      const last: Manifest.PartPiece = {
        _tag: "Part",
        start: parts.length * chapter.partSize,
        size,
        chapter: chapter.chapter,
        number,
        etag
      }
      const all = yield* record(dependencies, mine, { ...mine.manifest, pieces: [...mine.manifest.pieces, last] })
      return yield* complete(all, chapter, listOf([...parts, last]))
    })

  /** Makes a chapter an object of its own, with parts that count nowhere, if there are any: some stores want all. */
  const completeAlone = (held: Held, chapter: Manifest.Chapter) =>
    Effect.flatMap(hold(held, chapter), (mine) => {
      const ours = listOf(
        mine.manifest.pieces.filter((piece) => piece._tag === "Part").filter((part) => part.chapter === chapter.chapter)
      )
      const list = chapter.writer === undefined ? Effect.succeed(ours) : Effect.catchAll(
        calls.partsOf(chapter),
        (error) => error.reason === "NoSuchUpload" ? Effect.succeed(ours) : toStoreError("Read")(error)
      )
      return Effect.flatMap(list, (list) => complete(mine, chapter, list))
    })

  return { completeAlone, completeWhole }
}

const gone = (id: UploadId, { key, multipartId }: Manifest.Chapter) =>
  new UploadStoreError({
    reason: "Corrupt",
    operation: `complete ${key}`,
    cause: new Error(
      `the multipart upload ${multipartId} of ${id} has gone; does a rule of the bucket abort unfinished ones?`
    )
  })
