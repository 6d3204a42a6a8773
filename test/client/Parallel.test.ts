import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { type UploadOptions, UploadSource } from "effect-tus/client"
import * as FastCheck from "effect/FastCheck"
import * as Stream from "effect/Stream"
import * as Parallel from "../../src/client/Parallel.js"

const mebibyte = 1024 * 1024

const sourceOf = (length: number) => UploadSource.fromRange({ name: "any", length, read: () => Stream.empty })

const partsOf = (length: number, options: Partial<UploadOptions.UploadOptions>) =>
  Parallel.rangesOf({ endpoint: "http://a/files", source: sourceOf(length), ...options })

const most = (endpoint: string) => partsOf(10_000, { endpoint, parallel: 300 }).length

describe("the parts of an upload", () => {
  it("are as many as its size is worth, where nobody says how many", () => {
    const sizes = [0, 127, 128, 191, 192, 256, 100_000]
    deepStrictEqual(sizes.map((size) => partsOf(size * mebibyte, { parallel: "auto" }).length), [1, 1, 2, 2, 3, 4, 4])
  })

  it("are one by default, of a part of it, of an upload that is there, and of what is read only once", () => {
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

  it("are no more than the header has room for that names them all", () => {
    deepStrictEqual(most("http://a/files"), 181)
    deepStrictEqual(most(`http://${"a".repeat(60)}:8080/files`), 181)
    deepStrictEqual(most(`http://a/${"long/".repeat(20)}files`), 55)
    deepStrictEqual(most(`http://a/${"long/".repeat(2000)}files`), 1)
  })

  it.prop("are all of it, in order, none empty, and none much longer than another", [
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
