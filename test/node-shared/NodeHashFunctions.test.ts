import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { type Checksum, HashFunctions } from "effect-tus"
import { NodeHashFunctions } from "effect-tus/node"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"

const vectors: ReadonlyArray<readonly [Checksum.Algorithm, text: string, hex: string]> = [
  ["md5", "", "d41d8cd98f00b204e9800998ecf8427e"],
  ["md5", "abc", "900150983cd24fb0d6963f7d28e17f72"],
  ["sha1", "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
  ["sha1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "sha512",
    "abc",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
    + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
  ],
  ["crc32", "", "00000000"],
  ["crc32", "abc", "352441c2"],
  ["crc32", "123456789", "cbf43926"],
  // The first byte of this one is 0: four bytes are four bytes.
  ["crc32", "z347", "007c92d5"],
  ["crc32c", "", "00000000"],
  ["crc32c", "abc", "364b3fb7"],
  ["crc32c", "123456789", "e3069283"]
]

const digest = (algorithm: Checksum.Algorithm, pieces: Iterable<Uint8Array>) =>
  Effect.gen(function*() {
    const digests = yield* HashFunctions.HashFunctions
    const hasher = (yield* Effect.fromNullable(digests.get(algorithm)))()
    for (const piece of pieces) {
      hasher.update(piece)
    }
    return Buffer.from(hasher.digest()).toString("hex")
  }).pipe(Effect.provide(NodeHashFunctions.layer))

describe("the hash functions of Node", () => {
  it.effect("are those of tus", () =>
    Effect.gen(function*() {
      const digests = yield* HashFunctions.HashFunctions
      deepStrictEqual(Array.from(digests.keys()).toSorted(), [
        "crc32",
        "crc32c",
        "md5",
        "sha1",
        "sha256",
        "sha512"
      ])
    }).pipe(Effect.provide(NodeHashFunctions.layer)))

  it("load the native module of crc32c at its first use", () => {
    const script = `
      import { createRequire } from "node:module"
      import { HashFunctions } from "effect-tus"
      import { NodeHashFunctions } from "effect-tus/node"
      import * as Effect from "effect/Effect"
      const isLoaded = () => Object.keys(createRequire(import.meta.url).cache).some((path) => path.endsWith(".node"))
      const digests = await Effect.runPromise(Effect.provide(HashFunctions.HashFunctions, NodeHashFunctions.layer))
      const before = isLoaded()
      digests.get("crc32c")().update(new Uint8Array(1))
      process.stdout.write(JSON.stringify([before, isLoaded()]))`
    const output = execFileSync(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "--eval", script],
      { env: { ...process.env, TSX_TSCONFIG_PATH: "test/tsconfig.dist.json" } }
    )
    assert.strictEqual(output.toString(), "[false,true]")
  })

  for (const [algorithm, text, hex] of vectors) {
    const bytes = Buffer.from(text)

    it.effect(`${algorithm} of "${text}", at once and in pieces`, () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* digest(algorithm, [bytes]), hex)
        assert.strictEqual(yield* digest(algorithm, Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))), hex)
        assert.strictEqual(
          yield* digest(algorithm, [bytes.subarray(0, 1), new Uint8Array(), bytes.subarray(1)]),
          hex
        )
      }))
  }

  it.effect("two hashers of one algorithm are independent", () =>
    Effect.gen(function*() {
      const digests = yield* HashFunctions.HashFunctions
      for (const make of digests.values()) {
        const [one, other, alone] = [make(), make(), make()]
        one.update(Buffer.from("abc"))
        other.update(Buffer.from("xyz"))
        alone.update(Buffer.from("abc"))
        deepStrictEqual(one.digest(), alone.digest())
      }
    }).pipe(Effect.provide(NodeHashFunctions.layer)))

  it.effect("a copied hasher and its original continue independently, at any moment", () =>
    Effect.gen(function*() {
      const digests = yield* HashFunctions.HashFunctions
      for (const make of digests.values()) {
        const of = (text: string) => {
          const hasher = make()
          hasher.update(Buffer.from(text))
          return hasher.digest()
        }
        const hasher = make()
        const empty = hasher.copy()
        hasher.update(Buffer.from("abc"))
        const copy = hasher.copy()
        const second = copy.copy()
        hasher.update(Buffer.from("def"))
        copy.update(Buffer.from("xyz"))
        deepStrictEqual(hasher.copy().digest(), of("abcdef"))
        deepStrictEqual(hasher.digest(), of("abcdef"))
        deepStrictEqual(copy.digest(), of("abcxyz"))
        deepStrictEqual(second.digest(), of("abc"))
        deepStrictEqual(empty.digest(), of(""))
      }
    }).pipe(Effect.provide(NodeHashFunctions.layer)))
})
