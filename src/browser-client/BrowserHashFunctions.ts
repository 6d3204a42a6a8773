/**
 * Hash functions for pages and workers: Web Crypto has them only where a page came by https or from this machine, and
 * wants all bytes at once. These go on piece by piece.
 */
import { md5, sha1 } from "@noble/hashes/legacy.js"
import { sha256, sha512 } from "@noble/hashes/sha2.js"
import * as Layer from "effect/Layer"
import { type Hasher, HashFunctions } from "../bytes/HashFunctions.js"
import type { Algorithm } from "../protocol/Checksum.js"

/** sha1, md5, sha256 and sha512. A second of a processor of today for each 60 to 200 MiB; sha512 takes the longest. */
export const layer: Layer.Layer<never> = Layer.succeed(
  HashFunctions,
  new Map<Algorithm, () => Hasher>(
    Object.entries({ sha1, md5, sha256, sha512 } as const).map(([algorithm, { create }]) =>
      [algorithm as Algorithm, () => hasher(create())] as const
    )
  )
)

interface State {
  readonly update: (bytes: Uint8Array) => unknown
  readonly clone: () => State
  readonly digest: () => Uint8Array
}

const hasher = (state: State): Hasher => ({
  update: (bytes) => {
    state.update(bytes)
  },
  copy: () => hasher(state.clone()),
  digest: () => state.digest()
})
