/**
 * The calls of the byte store: they are tried again where that can do no harm, and fail as stores do.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Pull from "../bytes/Pull.js"
import type { UploadId } from "../protocol/Upload.js"
import { newName } from "../store/Pairing.js"
import { UploadStoreError } from "../store/UploadStoreError.js"
import type { Source } from "./Joining.js"
import type { Chapter, PartPiece } from "./Manifest.js"
import { type Part, type S3Error, S3Objects } from "./S3Objects.js"

/** The name under which the token of a chapter is stored with its object. */
const tokenName = "effect-tus"

/** How many objects are removed at the same time. */
const concurrency = 16

export interface Options {
  readonly prefix: string
  /** When a call is tried again that may be repeated. */
  readonly retry: Schedule.Schedule<unknown, S3Error>
}

export type S3Calls = Effect.Effect.Success<ReturnType<typeof make>>

export const make = ({ prefix, retry }: Options) => {
  const again = <A>(call: Effect.Effect<A, S3Error>): Effect.Effect<A, S3Error> =>
    Effect.retry(call, { schedule: retry, while: mayPass })

  const written = <A>(call: Effect.Effect<A, S3Error>) => Effect.mapError(again(call), toStoreError("Write"))

  return Effect.map(S3Objects, (s3) => ({
    s3,
    completed: completing(s3, retry, again),
    ...reading(s3),

    /** A key that no other writer and no other call uses. */
    newKey: (id: UploadId, start: number, fence: number): string => `${prefix}${id}/${start}-${fence}-${newName()}`,

    put: (key: string, bytes: Uint8Array) => written(s3.put(key, bytes)),

    createChapter: (key: string) => {
      const token = newName()
      return Effect.map(
        written(s3.createMultipart(key, { metadata: { [tokenName]: token } })),
        (multipartId) => ({ key, multipartId, token })
      )
    },

    uploadPart: (to: Chapter, number: number, bytes: Uint8Array) => again(s3.uploadPart(multipart(to), number, bytes)),

    copyPart: (to: Chapter, number: number, source: Source) => again(s3.copyPart(multipart(to), number, source)),

    /** The parts as the store has them: all of them, strays included. */
    partsOf: (chapter: Chapter) => again(s3.parts(multipart(chapter))),

    /** What fails stays, and is found by the sweep. */
    clean: (keys: ReadonlyArray<string>, chapters: ReadonlyArray<Chapter>): Effect.Effect<void> =>
      Effect.all(
        [
          ...chapters.flatMap((chapter) => [s3.abort(multipart(chapter)), s3.remove(chapter.key)]),
          ...keys.map((key) => s3.remove(key))
        ].map((call) => Effect.ignoreLogged(again(call))),
        { concurrency, discard: true }
      )
  }))
}

type Again = <A>(call: Effect.Effect<A, S3Error>) => Effect.Effect<A, S3Error>

type Listed = ReadonlyArray<Part & { readonly size: number }>

/** Reads on from where an answer broke off. */
const reading = (s3: S3Objects["Type"]) => {
  const read = ({ end, key, start }: Source, attempts = 3): Stream.Stream<Uint8Array, S3Error> =>
    start === end ? Stream.empty : Stream.suspend(() => {
      let at = start
      return Stream.mapChunks(s3.get(key, { start, end }), (chunks) => {
        at += Pull.sizeOf(chunks)
        return chunks
      }).pipe(
        Stream.catchAll((error) =>
          mayPass(error) && attempts > 1 ? read({ key, start: at, end }, attempts - 1) : Stream.fail(error)
        )
      )
    })

  return {
    read: (source: Source) => Stream.mapError(read(source), toStoreError("Read")),

    /** The bytes of ranges, one behind the other. */
    gather: (sources: ReadonlyArray<Source>, into: Uint8Array): Effect.Effect<void, UploadStoreError> =>
      Effect.suspend(() => {
        let at = 0
        const chunks = Stream.flatMap(Stream.fromIterable(sources), (source) => read(source))
        return Effect.mapError(
          Stream.runForEach(chunks, (chunk) =>
            Effect.sync(() => {
              into.set(chunk, at)
              at += chunk.length
            })),
          toStoreError("Read")
        )
      })
  }
}

/**
 * Completes a chapter, and returns the size of its object, or `Option.none` if neither it nor the chapter is there. If
 * the answer was lost, or another writer was faster, the object tells: it is believed only with the token.
 */
const completing = (s3: S3Objects["Type"], retry: Options["retry"], again: Again) => {
  const objectOf = ({ key, token }: Chapter) =>
    Effect.map(
      again(s3.head(key)),
      Option.filterMap((found) => found.metadata[tokenName] === token ? Option.some(found.size) : Option.none())
    )

  const complete = (chapter: Chapter, parts: Listed) =>
    Effect.as(
      Effect.retry(s3.complete(multipart(chapter), parts), {
        schedule: retry,
        while: ({ reason }) => reason === "SlowDown" || reason === "Unreached"
      }),
      parts.reduce((sum, part) => sum + part.size, 0)
    )

  /** A late duplicate of a part may have another ETag, and has the same bytes: its number is never used again. */
  const relisted = (chapter: Chapter, listed: Listed, error: S3Error): Effect.Effect<Listed, S3Error> =>
    error.reason === "Unsure" ?
      Effect.succeed(listed) :
      Effect.flatMap(again(s3.parts(multipart(chapter))), (there) => {
        const same = listed.flatMap((part) =>
          there.filter(({ number, size }) => number === part.number && size === part.size)
        )
        return same.length === listed.length && same.some((part, i) => part.etag !== listed[i]?.etag)
          ? Effect.succeed(same)
          : Effect.fail(error)
      })

  const completed = (
    chapter: Chapter,
    listed: Listed,
    attempts = 3
  ): Effect.Effect<Option.Option<number>, S3Error> =>
    Effect.catchAll(
      Effect.asSome(complete(chapter, listed)),
      (error) =>
        Effect.flatMap(objectOf(chapter), (found) =>
          Option.isSome(found)
            ? Effect.succeed(found)
            : error.reason === "NoSuchUpload"
            ? Effect.succeedNone
            : (error.reason === "Unsure" || error.reason === "Refused") && attempts > 1
            ? Effect.flatMap(relisted(chapter, listed, error), (parts) => completed(chapter, parts, attempts - 1))
            : Effect.fail(error))
    )

  return completed
}

const multipart = ({ key, multipartId }: Chapter) => ({ key, multipartId })

const mayPass = ({ reason }: S3Error) => reason === "SlowDown" || reason === "Unreached" || reason === "Unsure"

const isGone = ({ reason }: S3Error) => reason === "NoSuchKey" || reason === "NoSuchUpload"

export const toStoreError =
  (reason: "Read" | "Write") => (error: S3Error, operation = error.operation): UploadStoreError =>
    new UploadStoreError({
      reason: mayPass(error) ? "Unavailable" : isGone(error) ? "Corrupt" : reason,
      operation,
      cause: error
    })

/** The parts of a chapter as the manifest has them. */
export const listOf = (parts: ReadonlyArray<PartPiece>): Listed =>
  parts.map(({ etag, number, size }) => ({ etag, number, size }))
