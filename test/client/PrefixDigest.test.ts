import { assert, describe, it } from "@effect/vitest"
import { assertNone, deepStrictEqual } from "@effect/vitest/utils"
import { HashFunctions, Pull } from "effect-tus"
import { NodeHashFunctions } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import * as PrefixDigest from "../../src/client/journal/PrefixDigest.js"
import type { Prefix } from "../../src/client/journal/UploadJournal.js"
import { SourceError, type UploadSource } from "../../src/client/sources/UploadSource.js"

/** Each chunk is in the same buffer. */
const sourceOf = (bytes: Uint8Array, length: Option.Option<number> = Option.some(bytes.length)) => {
  const reads: Array<readonly [offset: number, size: number]> = []
  const lent = new Uint8Array(7)
  const source: UploadSource = {
    name: "one.bin",
    length,
    identity: Option.none(),
    ready: (offset) => Effect.succeed({ size: bytes.length - offset, last: true }),
    read: (offset, size) => {
      reads.push([offset, size])
      return Pull.fromStream(Stream.paginateEffect(0, (done) =>
        Effect.suspend(() => {
          const count = Math.min(lent.length, size - done)
          if (offset + done + count > bytes.length) {
            return new SourceError({ reason: "TooShort", source: "one.bin", detail: "ended" })
          }
          lent.set(bytes.subarray(offset + done, offset + done + count))
          const next = done + count
          return Effect.succeed(
            [lent.subarray(0, count), next < size ? Option.some(next) : Option.none<number>()] as const
          )
        })))
    },
    release: () => Effect.void,
    seekable: true
  }
  return { source, reads }
}

const sha256 = (bytes: Uint8Array): Prefix => ({
  algorithm: "sha256",
  length: bytes.length,
  digest: Uint8Array.from(createHash("sha256").update(bytes).digest())
})

/** Compares bytes of any class. */
const plain = (prefix: Option.Option<Prefix>) =>
  Option.map(prefix, ({ digest, ...rest }) => ({ ...rest, digest: Uint8Array.from(digest) }))

const only = (...names: ReadonlyArray<string>) =>
  Layer.effect(
    HashFunctions.HashFunctions,
    Effect.map(HashFunctions.HashFunctions, (digests) =>
      new Map(Array.from(digests).filter(([name]) => names.includes(name))))
  ).pipe(Layer.provide(NodeHashFunctions.layer))

const bytes = Uint8Array.from({ length: 100 }, (_, i) => i * 7)

describe("the digest of the sent bytes", () => {
  /** The ranges that retries send: each begins at or before the end of all earlier ones. */
  const sends = FastCheck.tuple(
    FastCheck.uint8Array({ minLength: 1, maxLength: 300 }),
    FastCheck.array(FastCheck.tuple(FastCheck.nat(), FastCheck.nat(80)), { maxLength: 20 })
  ).map(([bytes, steps]) => {
    let end = 0
    return {
      bytes,
      sends: steps.map(([back, length]) => {
        const start = end - (back % (end + 1))
        const stop = Math.min(bytes.length, start + length)
        end = Math.max(end, stop)
        return { start, stop, end }
      })
    }
  })

  it.effect.prop(
    "covers all bytes up to the last, however often they are sent",
    [sends],
    ([{ bytes, sends }]) =>
      Effect.gen(function*() {
        const digest = yield* PrefixDigest.make
        deepStrictEqual(plain(digest.prefix()), Option.some(sha256(new Uint8Array())))
        for (const { end, start, stop } of sends) {
          const lent = bytes.slice(start, stop)
          digest.observe(start, lent)
          lent.fill(0)
          deepStrictEqual(plain(digest.prefix()), Option.some(sha256(bytes.subarray(0, end))))
        }
      }).pipe(Effect.provide(NodeHashFunctions.layer))
  )

  it.effect.prop(
    "continues after a comparison as if it had never stopped",
    [sends, FastCheck.nat()],
    ([{ bytes, sends }, cut]) =>
      Effect.gen(function*() {
        const first = yield* PrefixDigest.make
        const before = sends.slice(0, cut % (sends.length + 1))
        for (const { start, stop } of before) {
          first.observe(start, bytes.subarray(start, stop))
        }
        const prefix = Option.getOrThrow(first.prefix())
        const second = Option.getOrThrow(yield* PrefixDigest.verify(sourceOf(bytes).source, prefix, 0))
        deepStrictEqual(second.prefix(), Option.some(prefix))
        for (const { end, start, stop } of sends.slice(before.length)) {
          second.observe(start, bytes.subarray(start, stop))
          deepStrictEqual(plain(second.prefix()), Option.some(sha256(bytes.subarray(0, end))))
        }
      }).pipe(Effect.provide(NodeHashFunctions.layer))
  )

  it.effect("is Option.none for good after a gap", () =>
    Effect.gen(function*() {
      const digest = yield* PrefixDigest.make
      digest.observe(0, bytes.subarray(0, 10))
      digest.observe(11, bytes.subarray(11, 20))
      assertNone(digest.prefix())
      digest.observe(10, bytes.subarray(10, 20))
      digest.observe(0, bytes)
      assertNone(digest.prefix())
    }).pipe(Effect.provide(NodeHashFunctions.layer)))

  it.effect("is sha256, else sha1, else Option.none", () =>
    Effect.gen(function*() {
      const by = (...names: ReadonlyArray<string>) =>
        Effect.map(Effect.provide(PrefixDigest.make, only(...names)), (digest) => {
          digest.observe(0, bytes)
          return plain(digest.prefix())
        })
      deepStrictEqual(yield* by("crc32", "md5", "sha1", "sha256", "sha512"), Option.some(sha256(bytes)))
      deepStrictEqual(
        yield* by("crc32", "sha1"),
        Option.some({
          algorithm: "sha1",
          length: 100,
          digest: Uint8Array.from(createHash("sha1").update(bytes).digest())
        })
      )
      assertNone(yield* by("crc32", "md5", "sha512"))
      assertNone(yield* by())
    }))

  it.effect("is independent of other digests", () =>
    Effect.gen(function*() {
      const one = yield* PrefixDigest.make
      const other = yield* PrefixDigest.make
      one.observe(0, bytes)
      deepStrictEqual(plain(other.prefix()), Option.some(sha256(new Uint8Array())))
    }).pipe(Effect.provide(NodeHashFunctions.layer)))
})

describe("a source that is compared with a stored digest", () => {
  const prefix = sha256(bytes.subarray(0, 40))

  it.effect("has the same bytes", () =>
    Effect.gen(function*() {
      const { reads, source } = sourceOf(bytes)
      const digest = Option.getOrThrow(yield* PrefixDigest.verify(source, prefix, 0))
      deepStrictEqual(plain(digest.prefix()), Option.some(prefix))
      deepStrictEqual(reads, [[0, 40]])
    }).pipe(Effect.provide(NodeHashFunctions.layer)))

  it.effect("has the same bytes, and the digest continues up to the offset of the server", () =>
    Effect.gen(function*() {
      const { reads, source } = sourceOf(bytes)
      const digest = Option.getOrThrow(yield* PrefixDigest.verify(source, prefix, 70))
      deepStrictEqual(plain(digest.prefix()), Option.some(sha256(bytes.subarray(0, 70))))
      deepStrictEqual(reads, [[0, 40], [40, 30]])
      digest.observe(70, bytes.subarray(70, 80))
      deepStrictEqual(plain(digest.prefix()), Option.some(sha256(bytes.subarray(0, 80))))
    }).pipe(Effect.provide(NodeHashFunctions.layer)))

  it.effect("differs in any byte", () =>
    Effect.gen(function*() {
      for (const place of [0, 20, 39]) {
        const changed = Uint8Array.from(bytes)
        changed[place] = (changed[place] ?? 0) ^ 1
        assertNone(yield* PrefixDigest.verify(sourceOf(changed).source, prefix, 0))
      }
      const behind = Uint8Array.from(bytes)
      behind[40] = (behind[40] ?? 0) ^ 1
      assert.isTrue(Option.isSome(yield* PrefixDigest.verify(sourceOf(behind).source, prefix, 0)))
    }).pipe(Effect.provide(NodeHashFunctions.layer)))

  it.effect("is shorter, which is found without a read", () =>
    Effect.gen(function*() {
      const { reads, source } = sourceOf(bytes.subarray(0, 39))
      assertNone(yield* PrefixDigest.verify(source, prefix, 0))
      deepStrictEqual(reads, [])
      const whole = sourceOf(bytes.subarray(0, 40))
      assert.isTrue(Option.isSome(yield* PrefixDigest.verify(whole.source, prefix, 40)))
    }).pipe(Effect.provide(NodeHashFunctions.layer)))

  it.effect("does not match a digest of another length, of another algorithm, or of an unknown one", () =>
    Effect.gen(function*() {
      const { reads, source } = sourceOf(bytes)
      assertNone(yield* PrefixDigest.verify(source, { ...prefix, digest: prefix.digest.subarray(0, 31) }, 0))
      assertNone(yield* PrefixDigest.verify(source, { ...prefix, digest: new Uint8Array() }, 0))
      assertNone(yield* PrefixDigest.verify(source, { ...prefix, digest: Uint8Array.of(...prefix.digest, 0) }, 0))
      assertNone(yield* PrefixDigest.verify(source, { ...prefix, algorithm: "sha1" }, 0))
      assert.strictEqual(reads.length, 4)
      assertNone(yield* PrefixDigest.verify(source, { ...prefix, algorithm: "sha3" }, 0))
      assertNone(yield* PrefixDigest.verify(source, { ...prefix, algorithm: "crc32" }, 0))
      assertNone(yield* Effect.provide(PrefixDigest.verify(source, prefix, 0), only("sha1")))
      assert.strictEqual(reads.length, 4)
    }).pipe(Effect.provide(NodeHashFunctions.layer)))

  it.effect("is compared by sha1 if that was stored", () =>
    Effect.gen(function*() {
      const { source } = sourceOf(bytes)
      const digest = Uint8Array.from(createHash("sha1").update(bytes).digest())
      const old = { algorithm: "sha1", length: 100, digest }
      const found = Option.getOrThrow(yield* PrefixDigest.verify(source, old, 0))
      deepStrictEqual(plain(found.prefix()), Option.some(old))
    }).pipe(Effect.provide(NodeHashFunctions.layer)))

  it.effect("cannot be read, which is an error", () =>
    Effect.gen(function*() {
      const { source } = sourceOf(bytes.subarray(0, 20), Option.none())
      assert.strictEqual((yield* Effect.flip(PrefixDigest.verify(source, prefix, 0))).reason, "TooShort")
    }).pipe(Effect.provide(NodeHashFunctions.layer)))
})
