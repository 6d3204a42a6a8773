/**
 * What was sent so far, as a digest: by it another session tells whether the source still begins with the bytes that
 * are on the server, before it sends the rest behind them. Works where `HashFunctions` knows sha256 or sha1, and else
 * does nothing.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Hasher, HashFunctions } from "../../bytes/HashFunctions.js"
import * as UploadSource from "../sources/UploadSource.js"
import * as UserCode from "../transport/UserCode.js"
import type { Prefix } from "./UploadJournal.js"

/** Offsets count from where the upload begins in its source. */
export interface PrefixDigest {
  /**
   * These bytes are about to be sent at `offset`. What was sent before is skipped: a retry sends it again. Bytes that
   * leave out some before them end the digest for good: `prefix` is none from then on. Does not keep `bytes`.
   */
  readonly observe: (offset: number, bytes: Uint8Array) => void
  /** The digest of all bytes up to the last that was observed. */
  readonly prefix: () => Option.Option<Prefix>
}

/** The best first: one that nobody can find other bytes for. */
const algorithms = ["sha256", "sha1"] as const

export const make: Effect.Effect<PrefixDigest> = Effect.map(
  UserCode.hashFunctions,
  (digests) => from(Option.firstSomeOf(algorithms.map((algorithm) => begin(digests, algorithm))))
)

/**
 * Reads the first bytes of the source, as many as `prefix` is long. Where they are the same the digest goes on behind
 * them, up to `until`: a session that was killed has sent more than it could write down. None where they are not the
 * same, where the source has not as many, or where the algorithm is unknown here.
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
