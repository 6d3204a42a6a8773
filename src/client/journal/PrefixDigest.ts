/**
 * The digest of the bytes that were sent so far. With it a later session checks that the source still begins with the
 * bytes on the server, before it appends the rest. Does nothing unless `HashFunctions` has sha256 or sha1.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Hasher, HashFunctions } from "../../bytes/HashFunctions.js"
import * as UploadSource from "../sources/UploadSource.js"
import * as UserCode from "../transport/UserCode.js"
import type { Prefix } from "./UploadJournal.js"

/** Offsets are in the upload, which may be a part of its source. */
export interface PrefixDigest {
  /**
   * These bytes are about to be sent at `offset`. Bytes that a retry sends again are skipped. A gap ends the digest:
   * `prefix` returns Option.none from then on. Does not keep `bytes`.
   */
  readonly observe: (offset: number, bytes: Uint8Array) => void
  /** The digest of all bytes up to the last one observed. */
  readonly prefix: () => Option.Option<Prefix>
}

/** The best first: nobody can construct other bytes with the same sha256. */
const algorithms = ["sha256", "sha1"] as const

export const make: Effect.Effect<PrefixDigest> = Effect.map(
  UserCode.hashFunctions,
  (digests) => from(Option.firstSomeOf(algorithms.map((algorithm) => begin(digests, algorithm))))
)

/**
 * Reads the bytes of the source that `prefix` covers. If they are the same, the digest continues up to `until`, since a
 * session that was killed may have sent more than it wrote down. Option.none if they differ, if the source is shorter,
 * or if the algorithm is unknown here.
 */
export const verify = Effect.fnUntraced(function*(
  source: UploadSource.UploadSource,
  prefix: Prefix,
  until: number
): Effect.fn.Return<Option.Option<PrefixDigest>, UploadSource.SourceError> {
  const state = begin(yield* UserCode.hashFunctions, prefix.algorithm)
  if (Option.isNone(state) || Option.exists(source.length, (length) => length < prefix.length)) {
    return Option.none()
  }
  const digest = from(state)
  yield* feed(digest, source, 0, prefix.length)
  if (!Option.exists(digest.prefix(), (found) => isSame(found, prefix))) {
    return Option.none()
  }
  yield* feed(digest, source, prefix.length, until)
  return Option.some(digest)
})

const feed = (digest: PrefixDigest, source: UploadSource.UploadSource, start: number, end: number) => {
  let offset = start
  return end <= start ? Effect.void : UploadSource.forEach(source, start, end - start, (bytes) => {
    digest.observe(offset, bytes)
    offset += bytes.length
  })
}

interface State {
  readonly algorithm: string
  readonly hasher: Hasher
}

const begin = (digests: typeof HashFunctions.Service, name: string): Option.Option<State> =>
  Option.fromNullable(algorithms.find((algorithm) => algorithm === name)).pipe(
    Option.flatMapNullable((algorithm) => digests.get(algorithm)),
    Option.map((make) => ({ algorithm: name, hasher: make() }))
  )

const from = (begun: Option.Option<State>): PrefixDigest => {
  let state = begun
  let length = 0
  return {
    observe: (offset, bytes) => {
      const end = offset + bytes.length
      if (offset > length) {
        state = Option.none()
      } else if (Option.isSome(state) && end > length) {
        state.value.hasher.update(bytes.subarray(length - offset))
        length = end
      }
    },
    prefix: () => Option.map(state, ({ algorithm, hasher }) => ({ algorithm, length, digest: hasher.copy().digest() }))
  }
}

const isSame = (one: Prefix, other: Prefix) =>
  one.length === other.length
  && one.digest.length === other.digest.length
  && one.digest.every((byte, i) => byte === other.digest[i])
