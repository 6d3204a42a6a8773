/**
 * Removes objects and multipart uploads under our prefix that no manifest names: a server was killed before it recorded
 * them, or after it had recorded that they are not needed.
 */
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import type { Manifests } from "./Manifests.js"
import { type S3Calls, toStoreError } from "./S3Calls.js"

/** How old a name is before nobody can be about to record it. */
const days = 1

/** The id of the upload in a key that is ours. */
const idIn = (prefix: string, key: string): string | undefined =>
  key.startsWith(prefix) ? /^([^/]+)\/\d+-\d+-[0-9a-f]{32}$/.exec(key.slice(prefix.length))?.[1] : undefined

/** Something in the store, and the name by which a manifest would name it. */
interface Candidate {
  readonly id: string
  readonly name: string
  readonly remove: Effect.Effect<void, UploadStoreError>
}

export const make = (
  { s3 }: S3Calls,
  manifests: Manifests,
  prefix: string
): Effect.Effect<void, UploadStoreError> => {
  const read = toStoreError("Read")

  const candidate = (key: string, name: string, remove: Candidate["remove"]): ReadonlyArray<Candidate> => {
    const id = idIn(prefix, key)
    return id === undefined ? [] : [{ id, name, remove }]
  }

  const multiparts = (before: DateTime.Utc) =>
    s3.multiparts(prefix).pipe(
      Stream.mapError(read),
      Stream.filter(({ initiatedAt }) => DateTime.lessThan(initiatedAt, before)),
      Stream.mapConcat((upload) =>
        candidate(upload.key, upload.multipartId, Effect.mapError(s3.abort(upload), toStoreError("Write")))
      )
    )

  const objects = (before: DateTime.Utc) =>
    Stream.paginateChunkEffect(
      undefined as string | undefined,
      (after) =>
        Effect.map(Effect.mapError(s3.list({ prefix, after }), read), (page) => [
          Chunk.fromIterable(page.flatMap(({ key, modifiedAt }) =>
            DateTime.lessThan(modifiedAt, before)
              ? candidate(key, key, Effect.mapError(s3.remove(key), toStoreError("Write")))
              : []
          )),
          Option.map(Option.fromNullable(page.at(-1)), ({ key }) => key)
        ])
    )

  /** Names are looked for after the listing: what is recorded meanwhile stays. */
  const removeUnnamed = (candidates: ReadonlyArray<Candidate>) =>
    Effect.flatMap(
      manifests.named([...new Set(candidates.map(({ id }) => id))]),
      (names) =>
        Effect.forEach(
          candidates.filter(({ name }) => !names.has(name)),
          ({ remove }) => Effect.ignoreLogged(remove),
          { discard: true }
        )
    )

  return Effect.flatMap(DateTime.now, (now) => {
    const before = DateTime.subtract(now, { days })
    return Stream.concat(multiparts(before), objects(before)).pipe(
      Stream.grouped(256),
      Stream.runForEach((page) => removeUnnamed(Chunk.toReadonlyArray(page)))
    )
  })
}
