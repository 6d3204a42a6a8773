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

describe("an unfinished upload in the list", () => {
  it("has two lines: its progress, its age, and its URL", () => {
    deepStrictEqual(lines({}), ["/one.bin  25% of 2.0 KiB  2 min 5 s ago", "  http://a/files/1"])
  })

  it("shows that it is a part, and when it expires", () => {
    deepStrictEqual(lines({ start: 4000, expires: Option.some(at(425)) }), [
      "/one.bin from 3.9 KiB  25% of 2.0 KiB  2 min 5 s ago  expires in 5 min",
      "  http://a/files/1"
    ])
  })

  it("shows a percentage with \"about\" if the server has not confirmed all sent bytes", () => {
    deepStrictEqual(lines({ prefix: Option.some({ algorithm: "sha256", length: 1200, digest: Uint8Array.of(1) }) }), [
      "/one.bin  about 60% of 2.0 KiB  2 min 5 s ago",
      "  http://a/files/1"
    ])
    const all = Option.some({ algorithm: "sha256", length: 2000, digest: Uint8Array.of(1) })
    deepStrictEqual(lines({ prefix: all })[0], "/one.bin  about 99% of 2.0 KiB  2 min 5 s ago")
  })

  it("shows the metadata with which it would be created again", () => {
    const creation = Option.some({
      metadata: Option.some("filename YS5iaW4=,project YXBvbGxv"),
      checksum: Option.some("sha1" as const),
      parts: 4
    })
    deepStrictEqual(lines({ creation })[2], "  filename=a.bin, project=apollo, sha1, 4 parts")
  })

  it("has no control characters in its names", () => {
    deepStrictEqual(lines({ source: "/\u001b[2J\n", url: "http://a/\u0007" }), [
      "/\ufffd[2J\ufffd  25% of 2.0 KiB  2 min 5 s ago",
      "  http://a/\ufffd"
    ])
  })
})
