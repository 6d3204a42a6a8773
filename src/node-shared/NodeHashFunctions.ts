/**
 * The hash functions of Node: those of OpenSSL, crc32 of zlib, and crc32c by the CPU instruction.
 */
import type * as Crc32 from "@node-rs/crc32"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Crypto from "node:crypto"
import { createRequire } from "node:module"
import * as Zlib from "node:zlib"
import { type Hasher, HashFunctions } from "../bytes/HashFunctions.js"
import type { Algorithm } from "../protocol/Checksum.js"

/** Every algorithm of tus, except those that this OpenSSL refuses: in FIPS mode it has no md5. */
export const layer: Layer.Layer<never> = Layer.suspend(() =>
  Layer.succeed(
    HashFunctions,
    new Map<Algorithm, () => Hasher>([
      ...(["sha1", "md5", "sha256", "sha512"] as const)
        .filter((algorithm) => Either.isRight(Either.try(() => Crypto.createHash(algorithm))))
        .map((algorithm) => [algorithm, () => hash(Crypto.createHash(algorithm))] as const),
      ["crc32", () => checksum(Zlib.crc32)],
      ["crc32c", () => checksum(crc32c)]
    ])
  )
)

const require = createRequire(import.meta.url)
let native: typeof Crc32 | undefined

/** Its native module takes 4 MiB of memory, so it is loaded when somebody asks for this algorithm first. */
const crc32c = (bytes: Uint8Array, sum: number): number => {
  native ??= require("@node-rs/crc32") as typeof Crc32
  return native.crc32c(bytes, sum)
}

const hash = (state: Crypto.Hash): Hasher => ({
  update: (bytes) => {
    state.update(bytes)
  },
  copy: () => hash(state.copy()),
  digest: () => state.digest()
})

const checksum = (next: (bytes: Uint8Array, sum: number) => number, start = 0): Hasher => {
  let sum = start
  return {
    update: (bytes) => {
      sum = next(bytes, sum)
    },
    copy: () => checksum(next, sum),
    digest: () => {
      const digest = new Uint8Array(4)
      new DataView(digest.buffer).setUint32(0, sum)
      return digest
    }
  }
}
