import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Journal from "../../src/cli/options/Journal.js"
import { JournalEntry } from "../../src/client/journal/UploadJournal.js"

const entryOf = (fields: Partial<ConstructorParameters<typeof JournalEntry>[0]>) =>
  new JournalEntry({
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

describe("the unfinished uploads of the journal", () => {
  it("are grouped by file and endpoint", () => {
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

  it("are never mixed up, with any names", () => {
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
