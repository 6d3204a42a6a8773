import { assert, describe, it } from "@effect/vitest"
import { assertNone, assertSome, deepStrictEqual } from "@effect/vitest/utils"
import * as DateTime from "effect/DateTime"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Journal from "../../src/cli/Journal.js"
import * as Parallel from "../../src/client/Parallel.js"
import { Entry } from "../../src/client/UploadJournal.js"
import { fromBytes } from "../../src/client/UploadSource.js"

const entryOf = (fields: Partial<ConstructorParameters<typeof Entry>[0]>) =>
  new Entry({
    endpoint: "http://a/files",
    fingerprint: "tus-1:aa",
    url: "http://a/files/1",
    source: "/one.bin",
    length: 100,
    start: 0,
    acknowledged: 4,
    prefix: Option.none(),
    expires: Option.none(),
    updated: DateTime.unsafeMake(0),
    ...fields
  })

describe("what is unfinished", () => {
  it("belongs together where it is of one file at one endpoint", () => {
    const parts = [
      entryOf({ start: 0, length: 50 }),
      entryOf({ start: 50, length: 50, url: "http://a/files/2" })
    ] as const
    const elsewhere = entryOf({ endpoint: "http://b/files" })
    const other = entryOf({ source: "/two.bin" })
    deepStrictEqual(
      Journal.group([parts[0], elsewhere, other, parts[1]]).map(({ endpoint, entries, source }) => [
        source,
        endpoint,
        entries.map(({ start }) => start)
      ]),
      [
        ["/one.bin", "http://a/files", [0, 50]],
        ["/one.bin", "http://b/files", [0]],
        ["/two.bin", "http://a/files", [0]]
      ]
    )
    deepStrictEqual(Journal.group([]), [])
  })

  it("is never mixed up, whatever the names", () => {
    assert.lengthOf(
      Journal.group([
        entryOf({ source: "a", endpoint: "b c" }),
        entryOf({ source: "a b", endpoint: "c" }),
        entryOf({ source: `a","b`, endpoint: "c" }),
        entryOf({ source: "a", endpoint: `b","c` })
      ]),
      4
    )
  })
})

/** How a file of this size is sent in so many parts. */
const partsOf = (size: number, parallel: number) =>
  Parallel.rangesOf({ endpoint: "http://a/files", source: fromBytes(new Uint8Array(size)), parallel }).map(entryOf)

describe("in how many parts a file was sent", () => {
  it("is seen from what is left of them", () => {
    assertSome(Journal.partsOf([entryOf({ start: 0, length: 1000 })], 1000), 1)
    assertSome(Journal.partsOf([entryOf({ start: 500, length: 500 })], 1000), 2)
    assertSome(Journal.partsOf([entryOf({ start: 0, length: 333 }), entryOf({ start: 666, length: 334 })], 1000), 3)
    assertSome(Journal.partsOf([entryOf({ start: 0, length: 0 })], 0), 1)
  })

  it("is not known where the file has another size now, or was sent twice in different ways", () => {
    assertNone(Journal.partsOf([entryOf({ start: 0, length: 1000 })], 1001))
    assertNone(Journal.partsOf([entryOf({ start: 0, length: 1000 }), entryOf({ start: 0, length: 500 })], 1000))
    assertNone(Journal.partsOf([entryOf({ start: 1, length: 500 })], 1000))
  })

  it.prop("is seen from any of them", [
    FastCheck.integer({ min: 70_000, max: 100_000 }),
    FastCheck.integer({ min: 1, max: 64 }),
    FastCheck.nat()
  ], ([size, parallel, which]) => {
    const parts = partsOf(size, parallel)
    assertSome(Journal.partsOf(parts, size), parallel)
    assertSome(Journal.partsOf(parts.slice(which % parts.length), size), parallel)
  })
})
