/**
 * The order of refusals as a table. Requests have two defects at once, for every pair of defects that can occur
 * together. The defect that comes first in the table must win.
 */
import { assert, it } from "@effect/vitest"
import { type HttpRefusal, type Refusal, TusDialect } from "effect-tus"
import * as Either from "effect/Either"

export interface Defect<A> {
  /** What is wrong, worded as the end of a sentence. */
  readonly name: string
  /** The refusal, as `told` prints it. */
  readonly refused: string
  /** Two defects of the same part cannot occur together. */
  readonly of: ReadonlyArray<string>
  readonly spoil: (request: A) => A
}

type AnyRefusal = Refusal.Refusal | HttpRefusal.HttpRefusal

/** The status of a refusal in tus. */
export const statusOf = (refusal: AnyRefusal): number => TusDialect.refuse(refusal).status

/** The sentence by which tus refuses, without the end of its line. */
export const sentenceOf = (refusal: AnyRefusal): string => (TusDialect.refuse(refusal).body ?? "").trimEnd()

/** The status of a refusal in tus, with its tag, or with its header if a header is wrong. */
export const told = (refusal: AnyRefusal): string =>
  refusal._tag === "InvalidHeader" || refusal._tag === "InvalidRequest"
    ? `${statusOf(refusal)} ${(/^[^:,]*/.exec(sentenceOf(refusal))?.[0] ?? "").toLowerCase()}`
    : `${statusOf(refusal)} ${refusal._tag}`

/** Registers a test for the request without a defect, one for each defect, and one for each pair. */
export const inOrder = <A>(
  request: A,
  decide: (request: A) => Either.Either<unknown, AnyRefusal>,
  defects: ReadonlyArray<Defect<A>>
): void => {
  const refusalOf = (spoilt: A) => Either.match(decide(spoilt), { onLeft: told, onRight: () => "none" })

  it("accepts the request without a defect", () => {
    assert.strictEqual(refusalOf(request), "none")
  })
  defects.forEach((first, index) => {
    it(`refuses ${first.name}`, () => {
      assert.strictEqual(refusalOf(first.spoil(request)), first.refused)
    })
    const hidden = defects.slice(index + 1).filter((second) => !second.of.some((thing) => first.of.includes(thing)))
    if (hidden.length > 0) {
      it(`refuses ${first.name} before ${hidden.map(({ name }) => name).join(", ")}`, () => {
        for (const second of hidden) {
          assert.strictEqual(refusalOf(second.spoil(first.spoil(request))), first.refused, second.name)
          assert.notStrictEqual(refusalOf(second.spoil(request)), "none", second.name)
        }
      })
    }
  })
}
