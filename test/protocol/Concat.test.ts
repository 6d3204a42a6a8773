import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Concat, type Upload } from "effect-tus"
import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { at, bytes, id, unlimited, uploadOf, uploads } from "./arbitraries.js"
import { told } from "./defects.js"

const decode = Schema.decodeUnknownEither(Concat.FromHeader)
const final = (...urls: readonly [string, ...Array<string>]) => Concat.Final.make({ urls })

const idsOf = (concat: typeof Concat.Final.Type, collection: string) =>
  Either.map(Concat.partsOf(concat, collection), Arr.map(({ id }) => id))

const partial = (letter: string, offset: number, length: Option.Option<number>) =>
  uploadOf({
    id: id(letter),
    kind: { _tag: "Partial" },
    offset: bytes(offset),
    length: Option.map(length, bytes),
    ...(Option.exists(length, (length) => length === offset)
      ? { completion: { _tag: "Complete", at: at(0) }, expiresAt: Option.none() }
      : {})
  })

describe("Concat", () => {
  it("If the upload is a partial one, the header value MUST be partial", () => {
    deepStrictEqual(decode("partial"), Either.right(Concat.Partial.make()))
    assert.strictEqual(Schema.encodeSync(Concat.FromHeader)(Concat.Partial.make()), "partial")
  })

  it("The value MUST be final followed by a semicolon and a space-separated list of URLs", () => {
    deepStrictEqual(decode("final;/files/a /files/b"), Either.right(final("/files/a", "/files/b")))
    assert.strictEqual(Schema.encodeSync(Concat.FromHeader)(final("/files/a", "b")), "final;/files/a b")
  })

  it("The same partial upload MAY be present multiple times", () => {
    deepStrictEqual(decode("final;/a /a"), Either.right(final("/a", "/a")))
  })

  it("spaces more than one separate no more than one does", () => {
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

  it.prop("survives the round trip, the order of the parts included", [Concat.Concat], ([concat]) => {
    const header = Schema.encodeSync(Concat.FromHeader)(concat)
    deepStrictEqual(Schema.decodeSync(Concat.FromHeader)(header), concat)
  })

  describe("the ids that a final names", () => {
    const [a, b] = [id("a"), id("b")]

    it("The partial uploads URLs MAY be absolute or relative to the host", () => {
      for (const origin of ["", "http://tus.example.org", "https://tus.example.org:1080"]) {
        deepStrictEqual(idsOf(final(`${origin}/files/${a}`), "/files"), Either.right([a]))
        deepStrictEqual(idsOf(final(`${origin}/${a}`), ""), Either.right([a]))
      }
    })

    it("lie where the client sees the collection, on whichever host it says", () => {
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
      it(`refuses ${url}, wherever it stands in the list`, () => {
        for (const list of [final(url), final(url, `/files/${a}`), final(`/files/${a}`, `/files/${b}`, url)]) {
          const refusal = Either.getOrThrow(Either.flip(idsOf(list, "/files")))
          assert.strictEqual(told(refusal), "400 upload-concat")
          assert.include(refusal.message, "expected URLs of partial uploads under /files/")
        }
      })
    }

    it.prop("The partial uploads MUST be concatenated as per the order specified in the list", [
      FastCheck.array(FastCheck.constantFrom("a", "b", "c", "d").map(id), { minLength: 1, maxLength: 8 }),
      FastCheck.constantFrom("", "/files", "/a/b.c/files")
    ], ([ids, collection]) => {
      const header = `final;${ids.map((id) => `${collection}/${id}`).join(" ")}`
      const concat = Schema.decodeSync(Concat.FromHeader)(header)
      assert(concat._tag === "Final")
      deepStrictEqual<unknown>(idsOf(concat, collection), Either.right(ids))
    })
  })

  describe("the length of a final", () => {
    it.prop("MUST be the sum of the length of all partial uploads, once all are known", [
      FastCheck.array(FastCheck.nat(2 ** 40).map(bytes))
    ], ([lengths]) => {
      const parts = lengths.map((length) =>
        uploadOf({ kind: { _tag: "Final", parts: [id("a")], concat: "" }, length: Option.some(length) })
      )
      const sum = lengths.reduce((sum, length) => sum + length, 0)
      deepStrictEqual<unknown>(Concat.lengthOf(parts), Option.some(sum))
      deepStrictEqual(Concat.lengthOf([...parts, uploadOf({})]), Option.none())
    })

    it.prop("is told of any parts without a throw, even where no number can hold it", [
      FastCheck.array(uploads, { maxLength: 4 })
    ], ([parts]) => {
      assert.isTrue(Option.match(Concat.lengthOf(parts), { onNone: () => true, onSome: Number.isSafeInteger }))
    })

    it("is unknown where the sum is above 2^53-1", () => {
      const half = uploadOf({ length: Option.some(bytes(2 ** 52)) })
      const other = uploadOf({ length: Option.some(bytes(2 ** 52 - 1)) })
      deepStrictEqual(Concat.lengthOf([half, half]), Option.none())
      deepStrictEqual(Concat.lengthOf([half, other]), Option.some(bytes(Number.MAX_SAFE_INTEGER)))
    })
  })

  describe("the assembly of a final", () => {
    const waiting = uploadOf({
      kind: { _tag: "Final", parts: [id("b"), id("a"), id("b")], concat: "" },
      length: Option.none(),
      expiresAt: Option.none()
    })
    const assembled = (a: Option.Option<Upload.Upload>, b: Option.Option<Upload.Upload>, maxSize: number) =>
      Concat.assemblyOf(waiting, [b, a, b], { ...unlimited, maxSize: Option.some(maxSize) })
    const full = Option.some(partial("a", 3, Option.some(3)))
    const other = Option.some(partial("b", 1, Option.some(1)))

    it("is ready when all parts are complete, in the order asked for", () => {
      const assembly = assembled(full, other, 5)
      assert(assembly._tag === "Ready")
      assert.strictEqual(assembly.length, 5)
      assert.strictEqual(assembly.parts.map((part) => part.id[0]).join(""), "bab")
    })

    it("waits for a part under way, of a known length or not", () => {
      assert.strictEqual(assembled(Option.some(partial("a", 1, Option.some(3))), other, 5)._tag, "Waiting")
      assert.strictEqual(assembled(Option.some(partial("a", 1, Option.none())), other, 5)._tag, "Waiting")
    })

    it("is hopeless when a part is gone", () => {
      const assembly = assembled(Option.none(), other, 5)
      assert(assembly._tag === "Impossible" && assembly.refusal._tag === "PartGone")
      assert.strictEqual(assembly.refusal.part, id("a"))
    })

    it("is hopeless as soon as the parts are known to be too large together, be they under way", () => {
      for (const a of [full, Option.some(partial("a", 1, Option.some(3)))]) {
        const assembly = assembled(a, other, 4)
        assert(assembly._tag === "Impossible")
        assert.strictEqual(assembly.refusal.status, 413)
      }
    })
  })
})
