import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ConcatHeader } from "effect-tus"
import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { id } from "../../protocol/arbitraries.js"
import { sentenceOf, told } from "../../protocol/defects.js"

const decode = Schema.decodeUnknownEither(ConcatHeader.FromHeader)
const final = (...urls: readonly [string, ...Array<string>]) => ConcatHeader.Final.make({ urls })

const idsOf = (concat: typeof ConcatHeader.Final.Type, collection: string) =>
  Either.map(ConcatHeader.partsOf(concat, collection), Arr.map(({ id }) => id))

describe("ConcatHeader", () => {
  it("If the upload is a partial one, the header value MUST be partial", () => {
    deepStrictEqual(decode("partial"), Either.right(ConcatHeader.Partial.make()))
    assert.strictEqual(Schema.encodeSync(ConcatHeader.FromHeader)(ConcatHeader.Partial.make()), "partial")
  })

  it("The value MUST be final followed by a semicolon and a space-separated list of URLs", () => {
    deepStrictEqual(decode("final;/files/a /files/b"), Either.right(final("/files/a", "/files/b")))
    assert.strictEqual(Schema.encodeSync(ConcatHeader.FromHeader)(final("/files/a", "b")), "final;/files/a b")
  })

  it("The same partial upload MAY be present multiple times", () => {
    deepStrictEqual(decode("final;/a /a"), Either.right(final("/a", "/a")))
  })

  it("several spaces separate URLs like one space", () => {
    deepStrictEqual(decode("final;  /a   /b "), Either.right(final("/a", "/b")))
  })

  const illegal: ReadonlyArray<readonly [title: string, header: string, reason: string]> = [
    ["an empty header", "", "expected \"partial\" or \"final;\""],
    ["another word", "whole", "expected \"partial\" or \"final;\""],
    ["capital letters", "Partial", "expected \"partial\" or \"final;\""],
    ["partial with a list", "partial;/a", "expected \"partial\" or \"final;\""],
    ["final without a semicolon", "final", "expected \"partial\" or \"final;\""],
    ["final with a space before the semicolon", "final ;/a", "expected \"partial\" or \"final;\""],
    ["final without a part", "final;", "expected the URL of at least one partial upload"],
    ["final with spaces only", "final;   ", "expected the URL of at least one partial upload"],
    ["URLs with a tab", "final;/a\t/b", "expected the URL"],
    ["URLs with a control character", "final;/a\u0000", "expected the URL"],
    ["URLs beyond ASCII", "final;/é", "expected the URL"],
    ["a second semicolon", "final;/a;/b", "expected the URL"]
  ]
  for (const [title, header, reason] of illegal) {
    it(`refuses ${title}`, () => {
      const [issue] = ParseResult.ArrayFormatter.formatErrorSync(Either.getOrThrow(Either.flip(decode(header))))
      assert.include(issue?.message, reason)
    })
  }

  it.prop("survives the round trip, with the order of the parts", [ConcatHeader.Concat], ([concat]) => {
    const header = Schema.encodeSync(ConcatHeader.FromHeader)(concat)
    deepStrictEqual(Schema.decodeSync(ConcatHeader.FromHeader)(header), concat)
  })

  describe("the ids of the parts of a final", () => {
    const [a, b] = [id("a"), id("b")]

    it("The partial uploads URLs MAY be absolute or relative to the host", () => {
      for (const origin of ["", "http://tus.example.org", "https://tus.example.org:1080"]) {
        deepStrictEqual(idsOf(final(`${origin}/files/${a}`), "/files"), Either.right([a]))
        deepStrictEqual(idsOf(final(`${origin}/${a}`), ""), Either.right([a]))
      }
    })

    it("are read from URLs under the public path of the collection, on any host", () => {
      for (const collection of ["https://tus.example.org/api/files", "/api/files"]) {
        for (const origin of ["", "https://tus.example.org", "http://10.0.0.1:1080"]) {
          deepStrictEqual(idsOf(final(`${origin}/api/files/${a}`), collection), Either.right([a]))
          assert.isTrue(Either.isLeft(idsOf(final(`${origin}/files/${a}`), collection)))
        }
      }
    })

    for (
      const url of [
        `/other/${a}`,
        `/files/deeper/${a}`,
        `/files${a}`,
        `/filesystem/${a}`,
        `/files/../${a}`,
        `/files//${a}`,
        "/files/",
        "/files",
        "/files/..%2fetc",
        `/files/${a}/`,
        `ftp://tus.example.org/files/${a}`,
        `//tus.example.org/files/${a}`,
        `http://tus.example.org/other/files/${a}`,
        "/files/a"
      ]
    ) {
      it(`cannot be read from ${url}, at any place of the list`, () => {
        for (const list of [final(url), final(url, `/files/${a}`), final(`/files/${a}`, `/files/${b}`, url)]) {
          const refusal = Either.getOrThrow(Either.flip(idsOf(list, "/files")))
          assert.strictEqual(told(refusal), "400 upload-concat")
          assert.include(sentenceOf(refusal), "expected URLs of partial uploads under /files/")
        }
      })
    }

    it.prop("The partial uploads MUST be concatenated as per the order specified in the list", [
      FastCheck.array(FastCheck.constantFrom("a", "b", "c", "d").map(id), { minLength: 1, maxLength: 8 }),
      FastCheck.constantFrom("", "/files", "/a/b.c/files")
    ], ([ids, collection]) => {
      const header = `final;${ids.map((id) => `${collection}/${id}`).join(" ")}`
      const concat = Schema.decodeSync(ConcatHeader.FromHeader)(header)
      assert(concat._tag === "Final")
      deepStrictEqual<unknown>(idsOf(concat, collection), Either.right(ids))
    })
  })
})
