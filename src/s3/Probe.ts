/**
 * What an object store can do. Stores differ in what they document and in what they do, so they are asked, by some
 * twenty requests that leave nothing behind.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as S3Failure from "./S3Failure.js"
import { type Multipart, type Part, S3Error, S3Objects } from "./S3Objects.js"

/** What a store can do beyond what every store must. */
export interface Capabilities {
  /** Whether a part may be a range of another object. Google Cloud Storage cannot. */
  readonly copies: boolean
  /** Whether multipart uploads can be listed. The credentials may have no right to it. */
  readonly lists: boolean
  /** Whether all parts but the last must have one size, as R2 wants it. */
  readonly equalParts: boolean
  /** The highest number of a part: 10,000, or 1,000 with OpenStack Swift. */
  readonly mostParts: number
  /**
   * What happens to parts that the list of Complete leaves out. Ceph RGW refuses to complete while there are any. A
   * store that wants equal parts was not asked: `"refused"`.
   */
  readonly strays: "dropped" | "refused"
  /**
   * After how many days the bucket drops multipart uploads by itself, if it does. `"unknown"` if the credentials have
   * no right to know it, or the store has no such rules.
   */
  readonly abortRule: number | "never" | "unknown"
}

/** What AWS can. */
export const aws: Capabilities = {
  copies: true,
  lists: true,
  equalParts: false,
  mostParts: 10_000,
  strays: "dropped",
  abortRule: "never"
}

/** The smallest part that is not the last one. */
const least = 5 * 1024 * 1024

/** A call that some stores do not have, or some credentials have no right to. */
const optional = <A, R>(call: Effect.Effect<A, S3Error, R>): Effect.Effect<Option.Option<A>, S3Error, R> =>
  Effect.catchIf(
    Effect.asSome(call),
    ({ reason }) => reason === "Unsupported" || reason === "Refused" || reason === "Denied",
    () => Effect.succeedNone
  )

const lacks = (what: string): S3Error =>
  new S3Error({ reason: "Unsupported", operation: "probe", message: S3Failure.messageOf("Unsupported", [what]) })

/**
 * Asks under the prefix. Fails with the failure of a call that every store must have, such as `Denied` or
 * `NoSuchBucket`, and where the store does not keep what it is given. Ask again after `SlowDown`, `Unreached` and
 * `Unsure`. It sends 10 MiB, and 10 more to stores that refuse something.
 */
export const run = (prefix: string): Effect.Effect<Capabilities, S3Error, S3Objects> =>
  Effect.scoped(Effect.gen(function*() {
    const s3 = yield* S3Objects
    const id = yield* Random.nextIntBetween(0, 2 ** 48)
    const scratch = `${prefix}probe-${id.toString(16)}/`
    const source = yield* stored(s3, `${scratch}source`)
    const upload = yield* begun(s3, `${scratch}joined`)
    const lists = Option.exists(
      yield* optional(Stream.runCollect(s3.multiparts(scratch))),
      Chunk.some(({ multipartId }) => multipartId === upload.multipartId)
    )
    const copied = yield* optional(copy(s3, upload, source))
    const copies = Option.isSome(copied)
    const parts = yield* unequal(s3, upload, source.bytes, Option.toArray(copied))
    const mostParts = Option.isSome(yield* optional(s3.uploadPart(upload, 10_000, new Uint8Array(1)))) ? 10_000 : 1000
    if (mostParts === 1000) {
      yield* s3.uploadPart(upload, 1000, new Uint8Array(1))
    }
    const strays = Option.isSome(yield* optional(s3.complete(upload, parts))) ? "dropped" : "refused"
    const equalParts = strays === "refused" && Option.isNone(yield* alone(s3, `${scratch}again`, source.bytes))
    const rule = yield* optional(s3.abortRule(prefix))
    return {
      copies,
      lists,
      equalParts,
      mostParts,
      strays,
      abortRule: Option.match(rule, {
        onNone: () => "unknown" as const,
        onSome: Option.getOrElse(() => "never" as const)
      })
    }
  }))

/** An object that the scope removes. */
const stored = Effect.fnUntraced(function*(s3: S3Objects["Type"], key: string) {
  const bytes = new Uint8Array(least + 1).fill(7)
  const metadata = { probe: "kept" }
  yield* removed(s3, key)
  yield* s3.put(key, bytes, { metadata })
  const found = yield* s3.head(key)
  if (!Option.exists(found, ({ metadata, size }) => size === bytes.length && metadata["probe"] === "kept")) {
    return yield* lacks("an object has not the size or the metadata that it was given")
  }
  const last = yield* Stream.runCollect(s3.get(key, { start: least, end: least + 1 }))
  if (Chunk.toReadonlyArray(last).some((chunk) => chunk.some((byte) => byte !== 7))) {
    return yield* lacks("an object has not the bytes that it was given")
  }
  if (!(yield* s3.list({ prefix: key })).some((listed) => listed.key === key && listed.size === bytes.length)) {
    return yield* lacks("a list lacks an object that was just put")
  }
  return { key, bytes }
})

const removed = (s3: S3Objects["Type"], key: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer(() => Effect.ignore(s3.remove(key)))

/** A multipart upload that the scope removes, whatever has become of it. */
const begun = (s3: S3Objects["Type"], key: string): Effect.Effect<Multipart, S3Error, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.map(s3.createMultipart(key), (multipartId) => ({ key, multipartId })),
    (upload) => Effect.zipRight(Effect.ignore(s3.abort(upload)), Effect.ignore(s3.remove(key)))
  )

/**
 * A store may answer a copy with a success, and make an empty part of it. The list of parts tells, also if the answer
 * was lost.
 */
const copy = Effect.fnUntraced(function*(
  s3: S3Objects["Type"],
  upload: Multipart,
  source: { readonly key: string }
) {
  yield* Effect.catchIf(
    s3.copyPart(upload, 1, { key: source.key, start: 0, end: least }),
    ({ reason }) => reason === "Unsure",
    () => Effect.void
  )
  const part = (yield* s3.parts(upload)).find(({ number }) => number === 1)
  return part?.size === least ? part : yield* lacks("a copied part has not the size of its range")
})

/** Three parts, of which the second one is larger than the first one. */
const unequal = Effect.fnUntraced(function*(
  s3: S3Objects["Type"],
  upload: Multipart,
  bytes: Uint8Array,
  first: ReadonlyArray<Part>
) {
  const put = (number: number, bytes: Uint8Array): Effect.Effect<Part, S3Error> =>
    Effect.map(s3.uploadPart(upload, number, bytes), (etag) => ({ number, etag }))
  return [
    ...(first.length === 0 ? [yield* put(1, bytes.subarray(0, least))] : first),
    yield* put(2, bytes),
    yield* put(3, bytes.subarray(0, 1))
  ]
})

/** Completes unequal parts without a stray part beside them. */
const alone = Effect.fnUntraced(function*(s3: S3Objects["Type"], key: string, bytes: Uint8Array) {
  const upload = yield* begun(s3, key)
  return yield* optional(s3.complete(upload, yield* unequal(s3, upload, bytes, [])))
})
