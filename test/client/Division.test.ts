import { describe, it } from "@effect/vitest"
import { assertNone, assertSome, deepStrictEqual } from "@effect/vitest/utils"
import { UploadJournal, type UploadOptions, UploadSource } from "effect-tus/client"
import * as DateTime from "effect/DateTime"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Division from "../../src/client/upload/Division.js"

const mebibyte = 1024 * 1024

const sourceOf = (length: number) => UploadSource.fromRange({ name: "any", length, read: () => Stream.empty })

const partsOf = (length: number, options: Partial<UploadOptions.UploadOptions>) =>
  Division.rangesOf({ endpoint: "http://a/files", source: sourceOf(length), ...options })

const most = (endpoint: string) => partsOf(10_000, { endpoint, parallel: 300 }).length

const entry = (
  range: Division.Range,
  more: Partial<ConstructorParameters<typeof UploadJournal.JournalEntry>[0]> = {}
) =>
  new UploadJournal.JournalEntry({
    endpoint: "http://a/files",
    fingerprint: "tus-1:aa",
    url: "http://a/files/1",
    source: "/one.bin",
    acknowledged: 4,
    prefix: Option.none(),
    expires: Option.none(),
    updated: DateTime.unsafeMake(0),
    ...range,
    ...more
  })

const of = (parts: number) => ({
  creation: Option.some({ metadata: Option.none(), checksum: Option.none(), parts })
})

describe("the parts of an upload", () => {
  it("grow in number with the size, if the option is \"auto\"", () => {
    const sizes = [0, 127, 128, 191, 192, 256, 100_000]
    deepStrictEqual(sizes.map((size) => partsOf(size * mebibyte, { parallel: "auto" }).length), [1, 1, 2, 2, 3, 4, 4])
  })

  it("are one by default, with stopAt, with a url, and for a source that can be read only once", () => {
    const source = { ...sourceOf(1000), seekable: false }
    for (
      const options of [
        {},
        ...[{ stopAt: 10 }, { url: "http://a/1" }, { source }].map((one) => ({ ...one, parallel: 3 }))
      ]
    ) {
      deepStrictEqual(partsOf(1000, options), [{ start: 0, length: 1000 }])
    }
  })

  it("are as many as the Upload-Concat header has room for, at most", () => {
    deepStrictEqual(most("http://a/files"), 181)
    deepStrictEqual(most(`http://${"a".repeat(60)}:8080/files`), 181)
    deepStrictEqual(most(`http://a/${"long/".repeat(20)}files`), 55)
    deepStrictEqual(most(`http://a/${"long/".repeat(2000)}files`), 1)
  })

  it.prop("cover the upload in order, are not empty, and have nearly equal lengths", [
    FastCheck.integer({ min: 1, max: 10 ** 12 }),
    FastCheck.integer({ min: 1, max: 64 })
  ], ([length, parallel]) => {
    const parts = partsOf(length, { parallel })
    deepStrictEqual(parts.length, Math.min(parallel, length))
    deepStrictEqual(parts.reduce((end, part) => part.start === end ? end + part.length : Number.NaN, 0), length)
    const lengths = parts.map((part) => part.length)
    return Math.min(...lengths) >= 1 && Math.max(...lengths) - Math.min(...lengths) <= 1
  })
})

describe("the number of parts of an unfinished upload", () => {
  it("is read from the entries of the journal", () => {
    assertNone(Division.remembered([], 1000))
    assertSome(Division.remembered([entry({ start: 0, length: 1000 }, of(1))], 1000), 1)
    assertSome(Division.remembered([entry({ start: 500, length: 250 }, of(4))], 1000), 4)
  })

  it("is unknown if the source has another size now, or if no division has such parts", () => {
    assertNone(Division.remembered([entry({ start: 0, length: 1000 })], 1001))
    assertNone(Division.remembered([entry({ start: 1, length: 500 })], 1000))
    assertNone(Division.remembered([entry({ start: 500, length: 500 }, of(4))], 1000))
  })

  it("is the one of which more was sent, if there are several", () => {
    const whole = { start: 0, length: 1000 }
    const half = { start: 500, length: 500 }
    for (const [inOne, inParts, expected] of [[30, 20, 1], [20, 30, 2]] as const) {
      const entries = [entry(whole, { acknowledged: inOne }), entry(half, { acknowledged: inParts })]
      assertSome(Division.remembered(entries, 1000), expected)
    }
    const halves = [half, { start: 0, length: 500 }].map((range) => entry(range, { acknowledged: 20 }))
    assertSome(Division.remembered([entry(whole, { acknowledged: 30 }), ...halves], 1000), 2)
  })

  it.prop("is found from any of the parts, even if an earlier release did not store it", [
    FastCheck.integer({ min: 70_000, max: 100_000 }),
    FastCheck.integer({ min: 1, max: 64 }),
    FastCheck.nat()
  ], ([size, parallel, which]) => {
    const parts = partsOf(size, { parallel }).map((range) => entry(range))
    assertSome(Division.remembered(parts, size), parallel)
    assertSome(Division.remembered(parts.slice(which % parts.length).slice(0, 1), size), parallel)
  })
})
