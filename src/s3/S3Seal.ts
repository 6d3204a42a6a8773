/**
 * Makes the bytes of an upload one object, and joins uploads. Each step is recorded before the next one begins, so that
 * it goes on wherever an earlier one has ended.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import type { ByteStore } from "../store/ByteStore.js"
import { type Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import type { Source } from "./Joining.js"
import * as Manifest from "./Manifest.js"
import type { Manifests } from "./Manifests.js"
import type { S3Calls } from "./S3Calls.js"
import * as S3Chapters from "./S3Chapters.js"
import * as S3Join from "./S3Join.js"

export interface Dependencies extends S3Join.Dependencies {
  readonly calls: S3Calls
  readonly manifests: Manifests
}

type Failure = Superseded | UploadStoreError

type Sealing = Required<Pick<ByteStore["Type"], "concat" | "seal">>

export const make = (dependencies: Dependencies): Sealing => {
  const { calls, manifests, maxParts } = dependencies
  const join = S3Join.make(dependencies)
  const { completeAlone, completeWhole } = S3Chapters.make(dependencies)

  /** Records that the upload is this object, and removes everything else. */
  const become = (held: S3Chapters.Held, object: Manifest.ObjectPiece, isSealed: boolean) => {
    const after = { pieces: [object], chapters: [] }
    const { chapters, keys } = Manifest.unneeded(held.manifest, after)
    return Effect.zipRight(S3Chapters.record(dependencies, held, after, isSealed), calls.clean(keys, chapters))
  }

  const proceed = (held: S3Chapters.Held, length: number): Effect.Effect<void, Failure> =>
    Effect.suspend(() => {
      const plan = Manifest.seal(held.manifest, length, maxParts)
      switch (plan._tag) {
        case "Missing":
          return missing(held.id, length, Manifest.sizeOf(held.manifest))
        case "Sealed":
          return become(held, plan.object, true)
        case "Complete":
          return Effect.flatMap(completeWhole(held, plan), (next) => proceed(next, length))
        case "Join": {
          const [chapter] = plan.chapters
          return chapter === undefined
            ? Effect.flatMap(
              join(held.id, held.fence, Manifest.ranges(held.manifest, length) ?? []),
              (object) => become(held, object, true)
            )
            : Effect.flatMap(completeAlone(held, chapter), (next) => proceed(next, length))
        }
      }
    })

  /** The bytes of a part of a final. */
  const sourcesOf = (id: UploadId, length: number): Effect.Effect<ReadonlyArray<Source>, UploadStoreError> =>
    Effect.flatMap(manifests.load(id), (found) => {
      const manifest = Option.match(found, { onNone: () => Manifest.empty, onSome: ({ manifest }) => manifest })
      const ranges = Manifest.ranges(manifest, length)
      return ranges !== undefined
        ? Effect.succeed(ranges)
        : Manifest.sizeOf(manifest) < length
        ? missing(id, length, Manifest.sizeOf(manifest))
        : unsealed(id)
    })

  return {
    seal: (id, { fence, length }) =>
      Effect.flatMap(
        manifests.claim(id, fence, (found) => {
          if (found === undefined && length > 0) {
            return Exit.fail(missing(id, length, 0))
          }
          const manifest = found ?? Manifest.empty
          const plan = Manifest.seal(manifest, length, maxParts)
          const isSealed = plan._tag === "Sealed"
          return Exit.succeed({
            after: isSealed ? { pieces: [plan.object], chapters: [] } : manifest,
            isSealed
          })
        }),
        ({ after, before, isSealed }) => {
          const { chapters, keys } = Manifest.unneeded(before, after)
          return isSealed ? calls.clean(keys, chapters) : proceed({ id, fence, manifest: after }, length)
        }
      ),

    concat: (id, parts, fence) =>
      Effect.gen(function*() {
        const sources = yield* Effect.forEach(parts, (part) => sourcesOf(part.id, part.length))
        const { after } = yield* manifests.claim(id, fence, (found = Manifest.empty) => Exit.succeed({ after: found }))
        const object = yield* join(id, fence, sources.flat())
        yield* become({ id, fence, manifest: after }, object, false)
      })
  }
}

const missing = (id: UploadId, length: number, size: number) =>
  new UploadStoreError({
    reason: "Corrupt",
    operation: `join the first ${length} bytes of ${id}`,
    cause: new Error(`there are only ${size} bytes`)
  })

export const unsealed = (id: UploadId): UploadStoreError =>
  new UploadStoreError({
    reason: "Read",
    operation: `read ${id}`,
    cause: new Error("it is not sealed, and parts of a multipart upload cannot be read")
  })
