import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Joining from "../../src/s3/Joining.js"
import * as Manifest from "../../src/s3/Manifest.js"

const P = 8
const options = { partSize: P, maxParts: 5 }

const object = (start: number, size: number, key = `o${start}-${size}`, objectSize = size): Manifest.ObjectPiece => ({
  _tag: "Object",
  start,
  size,
  key,
  objectSize
})

const part = (number: number, size = P, chapter = 1, start = (number - 1) * P): Manifest.PartPiece => ({
  _tag: "Part",
  start,
  size,
  chapter,
  number,
  etag: `e${chapter}-${number}`
})

const chapter = (number = 1, start = 0, writer?: number): Manifest.Chapter => ({
  chapter: number,
  start,
  key: `c${number}`,
  multipartId: `m${number}`,
  token: `t${number}`,
  partSize: P,
  writer
})

const begun = (manifest: Manifest.Manifest, at: number) =>
  Either.getOrThrowWith(Manifest.begin(manifest, at, options), () => new Error("too short"))

describe("tiles", () => {
  it("are as few pieces as possible, and end where they are wanted", () => {
    const pieces = [object(0, 3), object(3, 2), part(1), object(8, 1)]
    deepStrictEqual(Manifest.tiles(pieces, 5), [object(0, 3), object(3, 2)])
    deepStrictEqual(Manifest.tiles(pieces, 8), [part(1)])
    deepStrictEqual(Manifest.tiles(pieces, 9), [part(1), object(8, 1)])
    deepStrictEqual(Manifest.tiles(pieces, 0), [])
    deepStrictEqual(Manifest.tiles(pieces, 4), undefined)
  })

  it("do not reach over a gap", () => {
    assert.strictEqual(Manifest.sizeOf({ pieces: [object(0, 3), object(4, 2)] }), 3)
    deepStrictEqual(Manifest.tiles([object(0, 3), object(4, 2)], 6), undefined)
  })

  const anyPieces = FastCheck.array(
    FastCheck.tuple(FastCheck.integer({ min: 0, max: 12 }), FastCheck.integer({ min: 1, max: 6 })),
    { maxLength: 12 }
  ).map((ranges) => ranges.map(([start, size], i) => object(start, size, `k${i}`)))

  it.prop("are [0, end) without gap and overlap, wherever pieces reach at all", [anyPieces], ([pieces]) => {
    const ends = new Set([0])
    for (let more = true; more;) {
      more = false
      for (const { size, start } of pieces) {
        if (ends.has(start) && !ends.has(start + size)) {
          ends.add(start + size)
          more = true
        }
      }
    }
    assert.strictEqual(Manifest.sizeOf({ pieces }), Math.max(...ends))
    for (let end = 0; end <= 20; end++) {
      const found = Manifest.tiles(pieces, end)
      assert.strictEqual(found !== undefined, ends.has(end))
      const reached = (found ?? []).reduce((at, piece) => {
        assert.strictEqual(piece.start, at)
        return Manifest.endOf(piece)
      }, 0)
      assert.strictEqual(reached, found === undefined ? 0 : end)
    }
  })
})

describe("a new writer", () => {
  it("goes on with a chapter that was handed on", () => {
    const manifest = { pieces: [part(1), part(2), object(16, 3)], chapters: [chapter()] }
    const { boundary, dropped, next, tail } = begun(manifest, 19)
    deepStrictEqual(next, { chapter: chapter(), number: 3 })
    assert.strictEqual(boundary, 16)
    deepStrictEqual(tail, [object(16, 3)])
    deepStrictEqual(dropped, [])
  })

  it("begins a new chapter where a writer may have parts under way", () => {
    assert.strictEqual(begun({ pieces: [part(1)], chapters: [chapter(1, 0, 7)] }, 8).next, undefined)
  })

  it("begins a new chapter where a part is dropped, whose number is then never used again", () => {
    const manifest = { pieces: [part(1), object(8, 3), part(2)], chapters: [chapter()] }
    const found = begun(manifest, 11)
    assert.strictEqual(found.next, undefined)
    deepStrictEqual(found.closing, [chapter()])
    const after = Manifest.after(manifest, found)
    deepStrictEqual(after, { pieces: [part(1), object(8, 3)], chapters: [chapter(1, 0, Manifest.closed)] })
    assert.strictEqual(begun(after, 11).next, undefined)
  })

  it("begins a new chapter where numbers have run out, or parts have another size", () => {
    const all = [1, 2, 3, 4, 5].map((number) => part(number))
    assert.strictEqual(begun({ pieces: all, chapters: [chapter()] }, 40).next, undefined)
    const other = { ...chapter(), partSize: 4 }
    assert.strictEqual(begun({ pieces: [part(1, 4)], chapters: [other] }, 4).next, undefined)
  })

  it("drops objects whose bytes a counted part has, and chapters of which nothing counts", () => {
    const manifest = { pieces: [object(0, 5), part(1), object(8, 1)], chapters: [chapter(), chapter(2, 8, 3)] }
    const found = begun(manifest, 9)
    deepStrictEqual(found.dropped, [object(0, 5)])
    deepStrictEqual(found.unneeded, [chapter(2, 8, 3)])
  })

  it("keeps objects whose part does not count yet", () => {
    const manifest = { pieces: [object(0, 5), part(1)], chapters: [chapter()] }
    deepStrictEqual(begun(manifest, 5).tiles, [object(0, 5)])
  })

  it("may cut an object, and no part", () => {
    deepStrictEqual(begun({ pieces: [object(0, 5)], chapters: [] }, 2).tiles, [object(0, 2, "o0-5", 5)])
    deepStrictEqual(Manifest.begin({ pieces: [part(1)], chapters: [chapter()] }, 2, options), Either.left(8))
  })

  it("fails behind the end", () => {
    deepStrictEqual(Manifest.begin(Manifest.empty, 1, options), Either.left(0))
  })

  it("takes an object of a whole part for no tail", () => {
    const { boundary, tail } = begun({ pieces: [object(0, 8), object(8, 3), object(11, 4)], chapters: [] }, 15)
    assert.strictEqual(boundary, 8)
    deepStrictEqual(tail, [object(8, 3), object(11, 4)])
  })
})

const seal = (pieces: ReadonlyArray<Manifest.Piece>, chapters: ReadonlyArray<Manifest.Chapter>, length: number) =>
  Manifest.seal({ pieces, chapters }, length, 5)

describe("a seal", () => {
  it("has nothing to do for one object", () => {
    deepStrictEqual(seal([object(0, 5)], [], 5), { _tag: "Sealed", object: object(0, 5) })
    deepStrictEqual(seal([object(0, 0)], [], 0), { _tag: "Sealed", object: object(0, 0) })
  })

  it("joins objects, a cut one, and nothing at all", () => {
    assert.strictEqual(seal([object(0, 5), object(5, 1)], [], 6)._tag, "Join")
    assert.strictEqual(seal([object(0, 5, "a", 9)], [], 5)._tag, "Join")
    assert.strictEqual(seal([], [], 0)._tag, "Join")
  })

  it("completes one chapter in place, with the rest as its last part", () => {
    const rest = [object(16, 3)]
    deepStrictEqual(
      seal([part(1), part(2), ...rest], [chapter()], 19),
      { _tag: "Complete", chapter: chapter(), parts: [part(1), part(2)], rest }
    )
    assert.strictEqual(seal([part(1), part(2, 3)], [chapter(1, 0, Manifest.sealing)], 11)._tag, "Complete")
  })

  it("joins several chapters, and one in which parts may be under way", () => {
    assert.strictEqual(
      seal([part(1), part(1, P, 2, 8)], [chapter(), chapter(2, 8)], 16)._tag,
      "Join"
    )
    assert.strictEqual(seal([part(1)], [chapter(1, 0, 7)], 8)._tag, "Join")
    assert.strictEqual(seal([part(1), part(2)], [chapter(1, 0, Manifest.closed)], 16)._tag, "Join")
  })

  it("joins a chapter that begins behind an object, and one that has no number for the rest", () => {
    assert.strictEqual(seal([object(0, 8), part(1, P, 1, 8)], [chapter(1, 8)], 16)._tag, "Join")
    const all = [1, 2, 3, 4, 5].map((number) => part(number))
    assert.strictEqual(seal([...all, object(40, 1)], [chapter()], 41)._tag, "Join")
  })

  it("fails where bytes are missing", () => {
    deepStrictEqual(seal([part(1)], [chapter()], 9), { _tag: "Missing" })
  })
})

describe("what is unneeded", () => {
  it("is what is not named any more; a completed chapter is named by its object", () => {
    const before = { pieces: [part(1), object(8, 3)], chapters: [chapter()] }
    deepStrictEqual(Manifest.unneeded(before, Manifest.empty), { keys: ["o8-3"], chapters: [chapter()] })
    deepStrictEqual(
      Manifest.unneeded(before, { pieces: [object(0, 11, "c1")], chapters: [] }),
      { keys: ["o8-3"], chapters: [] }
    )
  })
})

const bytes = (ranges: ReadonlyArray<Joining.Source>) =>
  ranges.flatMap(({ end, key, start }) => Array.from({ length: end - start }, (_, i) => `${key}:${start + i}`))

describe("joined parts", () => {
  const anySources = FastCheck.array(
    FastCheck.tuple(FastCheck.integer({ min: 0, max: 50 }), FastCheck.integer({ min: 0, max: 50 })),
    { maxLength: 8 }
  ).map((ranges) => ranges.map(([start, size], i) => ({ key: `k${i}`, start, end: start + size })))

  it.prop(
    "have one size but for the last, and all bytes of the sources in order",
    [anySources, FastCheck.integer({ min: 1, max: 40 })],
    ([sources, partSize]) => {
      const parts = Joining.parts(sources, partSize)
      deepStrictEqual(parts.flatMap((part) => bytes(part.sources)), bytes(sources))
      parts.forEach(({ number, size, sources }, i) => {
        assert.strictEqual(number, i + 1)
        assert.strictEqual(size, Joining.sizeOf(sources))
        assert.isTrue(i === parts.length - 1 ? size > 0 && size <= partSize : size === partSize)
      })
    }
  )

  it.prop(
    "are never more than the store allows",
    [FastCheck.integer({ min: 0, max: 50 * 2 ** 40 }), FastCheck.integer({ min: 1, max: 10_000 })],
    ([length, maxParts]) => {
      const size = Joining.partSizeFor(length, 8 * 2 ** 20, maxParts)
      assert.isAtLeast(size, 8 * 2 ** 20)
      assert.isAtMost(Math.ceil(length / size), maxParts)
    }
  )
})
