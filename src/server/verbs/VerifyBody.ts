/**
 * Compares the digest of a body with the checksum that vouches for it, from a header or from a trailer.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Hasher, HashFunctions } from "../../bytes/HashFunctions.js"
import type { Checksum } from "../../protocol/Checksum.js"
import type { Policy } from "../../protocol/Policy.js"
import { ChecksumMismatch, type Refusal } from "../../protocol/Refusal.js"
import * as Transfer from "../../protocol/Transfer.js"
import type { UploadStore, Written } from "../../store/UploadStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as Known from "../../time/Known.js"
import type { UploadBody } from "../body/UploadBody.js"

export interface Dependencies {
  readonly store: UploadStore["Type"]
  readonly digests: HashFunctions["Type"]
}

/** The verdict about a body that needs none. */
export const unverified: Transfer.Receipt["verdict"] = Either.right(undefined)

export const make = ({ digests, store }: Dependencies) => {
  const makeHasher = ({ algorithm }: Checksum) =>
    Known.suspend(() => {
      const hasher = digests.get(algorithm)?.()
      return hasher === undefined ? Exit.die(new Error(`no hash function for ${algorithm}`)) : Exit.succeed(hasher)
    })

  /** The algorithm is known only now, so the bytes are read back, usually from the page cache. */
  const readBack = Effect.fnUntraced(
    function*({ id, offset }: Transfer.Plan["upload"], { end, tail }: Written, checksum: Checksum) {
      const hasher = yield* makeHasher(checksum)
      const written = tail === undefined ? store.read(id, { start: offset, end }) : Stream.make(tail)
      yield* Stream.runForEach(written, (bytes) => Effect.sync(() => hasher.update(bytes)))
      return hasher
    }
  )

  return {
    /** Hashes the body as it passes, for a checksum that came with the headers. */
    makeHasher,

    /** The verdict about a body that has ended. */
    verdict: (
      { upload, verification }: Transfer.Plan,
      written: Written,
      hasher: Option.Option<Hasher>,
      trailers: UploadBody["trailers"],
      policy: Policy
    ): Effect.Effect<Transfer.Receipt["verdict"], UploadStoreError> =>
      verification._tag === "Before" && Option.isSome(hasher)
        ? Exit.succeed(check(verification.checksum, hasher.value))
        : verification._tag !== "After"
        ? Exit.succeed(unverified)
        : Effect.flatMap(trailers, (trailers) =>
          Either.match(Transfer.announced(verification.read(trailers), policy), {
            onLeft: (refusal) => Effect.succeed(Either.left(refusal)),
            onRight: (checksum) => Effect.map(readBack(upload, written, checksum), (hasher) => check(checksum, hasher))
          }))
  }
}

const check = (checksum: Checksum, hasher: Hasher): Either.Either<void, Refusal> =>
  checksum.matches(hasher.digest())
    ? Either.right(undefined)
    : Either.left(new ChecksumMismatch({ algorithm: checksum.algorithm }))
