import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Concat, type Upload } from "effect-tus"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { at, bytes, id, unlimited, uploadOf, uploads } from "./arbitraries.js"
import { statusOf } from "./defects.js"

const partial = (letter: string, offset: number, length: Option.Option<number>) =>
  uploadOf({
    id: id(letter),
    kind: { _tag: "Partial" },
    offset: bytes(offset),
    length: Option.map(length, bytes),
    ...(Option.exists(length, (length) => length === offset)
      ? { completion: { _tag: "Complete", at: at(0), answer: Option.none() }, expiresAt: Option.none() }
      : {})
  })

describe("Concat", () => {
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

    it.prop("is computed without a throw for any parts, even if no number can hold it", [
      FastCheck.array(uploads, { maxLength: 4 })
    ], ([parts]) => {
      assert.isTrue(Option.match(Concat.lengthOf(parts), { onNone: () => true, onSome: Number.isSafeInteger }))
    })

    it("is unknown if the sum is above 2^53-1", () => {
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

    it("is ready when all parts are complete, in the requested order", () => {
      const assembly = assembled(full, other, 5)
      assert(assembly._tag === "Ready")
      assert.strictEqual(assembly.length, 5)
      assert.strictEqual(assembly.parts.map((part) => part.id[0]).join(""), "bab")
    })

    it("waits for an unfinished part, with or without a known length", () => {
      assert.strictEqual(assembled(Option.some(partial("a", 1, Option.some(3))), other, 5)._tag, "Waiting")
      assert.strictEqual(assembled(Option.some(partial("a", 1, Option.none())), other, 5)._tag, "Waiting")
    })

    it("is impossible when a part is gone", () => {
      const assembly = assembled(Option.none(), other, 5)
      assert(assembly._tag === "Impossible" && assembly.refusal._tag === "PartGone")
      assert.strictEqual(assembly.refusal.part, id("a"))
    })

    it("is impossible as soon as the known lengths exceed the maximum, even if parts are unfinished", () => {
      for (const a of [full, Option.some(partial("a", 1, Option.some(3)))]) {
        const assembly = assembled(a, other, 4)
        assert(assembly._tag === "Impossible")
        assert.strictEqual(statusOf(assembly.refusal), 413)
      }
    })
  })
})
