/**
 * Hash functions for pages and workers. Web Crypto exists only in pages from https or from this machine, and needs all
 * bytes at once. These work incrementally.
 */
import { md5, sha1 } from "@noble/hashes/legacy.js"
import { sha256, sha512 } from "@noble/hashes/sha2.js"
import * as Layer from "effect/Layer"
import { type Hasher, HashFunctions } from "../bytes/HashFunctions.js"
import type { Algorithm } from "../protocol/Checksum.js"

/** sha1, md5, sha256 and sha512. 60 to 200 MiB take a second on a current processor; sha512 is the slowest. */
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
