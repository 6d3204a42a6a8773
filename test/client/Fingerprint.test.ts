import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { assertNone, deepStrictEqual } from "@effect/vitest/utils"
import { Pull } from "effect-tus"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import * as Fingerprint from "../../src/client/journal/Fingerprint.js"
import { SourceError, type UploadSource } from "../../src/client/sources/UploadSource.js"

const KiB = 1024
const GiB = 1024 * 1024 * KiB

/**
 * A seekable source of any size whose bytes are computed. All chunks are in one buffer, and the last one is erased once
 * it has been read.
 */
const sourceOf = (length: number, byteAt: (offset: number) => number = () => 0) => {
  const reads: Array<readonly [offset: number, size: number]> = []
  const lent = new Uint8Array(1000)
  const source: UploadSource = {
    name: "one.bin",
    length: Option.some(length),
    identity: Option.some({ name: "/home/one.bin", size: length, modified: Option.some(1000) }),
    ready: (offset) => Effect.succeed({ size: length - offset, last: true }),
    read: (offset, size) => {
      reads.push([offset, size])
      return Pull.fromStream(
        Stream.paginateEffect(0, (done) =>
          Effect.sync(() => {
            const count = Math.min(lent.length, size - done)
            lent.fill(0)
            for (let i = 0; i < count; i++) {
              lent[i] = byteAt(offset + done + i)
            }
            const next = done + count
            return [lent.subarray(0, count), next < size ? Option.some(next) : Option.none()] as const
          })).pipe(Stream.ensuring(Effect.sync(() => lent.fill(0))))
      )
    },
    release: () => Effect.void,
    seekable: true
  }
  return { source, reads }
}

const identified = (source: UploadSource, identity: Partial<Option.Option.Value<UploadSource["identity"]>>) => ({
  ...source,
  identity: Option.map(source.identity, (known) => ({ ...known, ...identity }))
})

const ofBytes = (bytes: Uint8Array) => Fingerprint.of(sourceOf(bytes.length, (offset) => bytes[offset] ?? 0).source)

afterEach(() => {
  vi.unstubAllGlobals()
})

describe("the fingerprint of a source", () => {
  it.effect("is the same for the same bytes", () =>
    Effect.gen(function*() {
      for (const length of [0, 1, 999, 64 * KiB, 320 * KiB, 320 * KiB + 1, GiB]) {
        const one = yield* Fingerprint.of(sourceOf(length, (offset) => offset % 251).source)
        deepStrictEqual(yield* Fingerprint.of(sourceOf(length, (offset) => offset % 251).source), one)
        assert.match(Option.getOrThrow(one), /^tus-1:[0-9a-f]{64}$/)
      }
    }))

  it.effect("is this text in all releases", () =>
    Effect.gen(function*() {
      const { source } = sourceOf(3, (offset) => offset)
      const expected = createHash("sha256").update(`["/home/one.bin",3,1000]\u0000\u0001\u0002`).digest("hex")
      deepStrictEqual(yield* Fingerprint.of(source), Option.some(`tus-1:${expected}`))
    }))

  it.effect("depends on the name, the size and the date", () =>
    Effect.gen(function*() {
      const { source } = sourceOf(10)
      const sources = [
        source,
        identified(source, { name: "/home/two.bin" }),
        identified(source, { name: "/home/\u00e9" }),
        identified(source, { name: "/home/e\u0301" }),
        identified(source, { name: "\ud800" }),
        identified(source, { name: "\ud801" }),
        identified(source, { size: 11 }),
        identified(source, { modified: Option.some(1001) }),
        identified(source, { modified: Option.none() })
      ]
      const found = yield* Effect.forEach(sources, (source) => Effect.flatten(Fingerprint.of(source)))
      assert.strictEqual(new Set(found).size, sources.length)
    }))

  it.effect.prop(
    "depends on every byte of a small source",
    [FastCheck.uint8Array({ minLength: 1, maxLength: 3000 }), FastCheck.nat(), FastCheck.integer({ min: 1, max: 255 })],
    ([bytes, where, flip]) =>
      Effect.gen(function*() {
        const changed = Uint8Array.from(bytes)
        changed[where % bytes.length] = (bytes[where % bytes.length] ?? 0) ^ flip
        assert.notStrictEqual(
          Option.getOrThrow(yield* ofBytes(bytes)),
          Option.getOrThrow(yield* ofBytes(changed))
        )
      })
  )

  it.effect("depends on the first byte, the last byte, and the samples in the middle of a large source", () =>
    Effect.gen(function*() {
      const length = 100 * GiB
      const places = [-1, 0, 64 * KiB - 1, length / 2, length - 64 * KiB, length - 1]
      const found = yield* Effect.forEach(
        places,
        (place) => Effect.flatten(Fingerprint.of(sourceOf(length, (offset) => (offset === place ? 1 : 0)).source))
      )
      assert.strictEqual(new Set(found).size, places.length)
    }))

  it.effect("reads five samples of a source of 100 GiB, evenly spread", () =>
    Effect.gen(function*() {
      const length = 100 * GiB
      const { reads, source } = sourceOf(length)
      yield* Fingerprint.of(source)
      const sample = 64 * KiB
      deepStrictEqual(reads, [
        [0, sample],
        [(length - sample) / 4, sample],
        [(length - sample) / 2, sample],
        [((length - sample) * 3) / 4, sample],
        [length - sample, sample]
      ])
    }))

  it.effect("reads no byte twice of a source that is little larger than the samples", () =>
    Effect.gen(function*() {
      for (const length of [320 * KiB, 320 * KiB + 1, 320 * KiB + 3]) {
        const { reads, source } = sourceOf(length)
        yield* Fingerprint.of(source)
        let end = 0
        for (const [offset, size] of reads) {
          assert.isAtLeast(offset, end)
          end = offset + size
        }
        assert.strictEqual(end, length)
      }
    }))

  it.effect("is Option.none if the source has no identity, has no length, or can be read only once", () =>
    Effect.gen(function*() {
      const { reads, source } = sourceOf(10)
      assertNone(yield* Fingerprint.of({ ...source, identity: Option.none() }))
      assertNone(yield* Fingerprint.of({ ...source, length: Option.none() }))
      assertNone(yield* Fingerprint.of({ ...source, seekable: false }))
      deepStrictEqual(reads, [])
    }))

  it.effect("fails if the source cannot be read", () =>
    Effect.gen(function*() {
      const error = new SourceError({ reason: "TooShort", source: "one.bin", detail: "ended" })
      const { source } = sourceOf(10)
      for (const read of [Effect.fail(error), Effect.succeed(Pull.reading(Pull.fail(error)))]) {
        assert.strictEqual(yield* Effect.flip(Fingerprint.of({ ...source, read: () => read })), error)
      }
    }))

  for (const crypto of [undefined, {}, { subtle: undefined }]) {
    it.effect(`does not depend on the content if crypto is ${JSON.stringify(crypto)}`, () =>
      Effect.gen(function*() {
        vi.stubGlobal("crypto", crypto)
        const { reads, source } = sourceOf(10)
        const found = yield* Effect.flatten(Fingerprint.of(source))
        assert.match(found, /^tus-0:[0-9a-f]+$/)
        assert.notStrictEqual(yield* Effect.flatten(Fingerprint.of(identified(source, { size: 11 }))), found)
        assertNone(yield* Fingerprint.of(identified(source, { modified: Option.none() })))
        deepStrictEqual(reads, [])
      }))
  }

  it("of a part differs from that of the whole, and from that of any other part", () => {
    const found = [[0, 10], [0, 1], [1, 10], [1, 0], [11, 0]].map(([start = 0, length = 0]) =>
      Fingerprint.ofRange("tus-1:aa", start, length)
    )
    assert.strictEqual(new Set([...found, "tus-1:aa"]).size, 6)
    assert.strictEqual(found[1], "tus-1:aa:0+1")
  })
})
