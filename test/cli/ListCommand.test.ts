import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as ListCommand from "../../src/cli/commands/ListCommand.js"
import { JournalEntry } from "../../src/client/journal/UploadJournal.js"

const at = (seconds: number) => DateTime.unsafeMake(seconds * 1000)

const lines = (fields: Partial<ConstructorParameters<typeof JournalEntry>[0]>) =>
  ListCommand.lines(
    new JournalEntry({
      endpoint: "http://a/files",
      fingerprint: "tus-1:aa",
      url: "http://a/files/1",
      source: "/one.bin",
      length: 2000,
      start: 0,
      acknowledged: 500,
      prefix: Option.none(),
      expires: Option.none(),
      updated: at(0),
      ...fields
    }),
    at(125)
  )

describe("an upload that is unfinished", () => {
  it("has two lines: how far it is, since when, and its URL", () => {
    deepStrictEqual(lines({}), ["/one.bin  25% of 2.0 KiB  2 min 5 s ago", "  http://a/files/1"])
  })

  it("may be a part, and may expire", () => {
    deepStrictEqual(lines({ start: 4000, expires: Option.some(at(425)) }), [
      "/one.bin from 3.9 KiB  25% of 2.0 KiB  2 min 5 s ago  expires in 5 min",
      "  http://a/files/1"
    ])
  })

  it("is about as far as it was sent, where the server has not said how much of that it has", () => {
    deepStrictEqual(lines({ prefix: Option.some({ algorithm: "sha256", length: 1200, digest: Uint8Array.of(1) }) }), [
      "/one.bin  about 60% of 2.0 KiB  2 min 5 s ago",
      "  http://a/files/1"
    ])
    const all = Option.some({ algorithm: "sha256", length: 2000, digest: Uint8Array.of(1) })
    deepStrictEqual(lines({ prefix: all })[0], "/one.bin  about 99% of 2.0 KiB  2 min 5 s ago")
  })

  it("tells what it was created with, and is again where it has to be", () => {
    const creation = Option.some({
      metadata: Option.some("filename YS5iaW4=,project YXBvbGxv"),
      checksum: Option.some("sha1" as const),
      parts: 4
    })
    deepStrictEqual(lines({ creation })[2], "  filename=a.bin, project=apollo, sha1, 4 parts")
  })

  it("has names that do nothing to a terminal", () => {
    deepStrictEqual(lines({ source: "/\u001b[2J\n", url: "http://a/\u0007" }), [
      "/\ufffd[2J\ufffd  25% of 2.0 KiB  2 min 5 s ago",
      "  http://a/\ufffd"
    ])
  })
})
