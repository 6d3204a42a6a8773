/**
 * The order of refusals as a table: requests with two things wrong at once, for every two that can go together. The one
 * that stands first in the table has to win.
 */
import { assert, it } from "@effect/vitest"
import { type HttpRefusal, type Refusal, TusDialect } from "effect-tus"
import * as Either from "effect/Either"

export interface Defect<A> {
  /** What is wrong, as the end of a sentence. */
  readonly name: string
  /** The refusal it leads to, as `told` tells it. */
  readonly refused: string
  /** Two defects of the same thing do not go together. */
  readonly of: ReadonlyArray<string>
  readonly spoil: (request: A) => A
}

type AnyRefusal = Refusal.Refusal | HttpRefusal.HttpRefusal

/** The status of a refusal in tus. */
export const statusOf = (refusal: AnyRefusal): number => TusDialect.refuse(refusal).status

/** The sentence by which tus refuses, without the end of its line. */
export const sentenceOf = (refusal: AnyRefusal): string => (TusDialect.refuse(refusal).body ?? "").trimEnd()

/** The status of a refusal in tus, with its tag, or with the first header where it is about one that is wrong. */
export const told = (refusal: AnyRefusal): string =>
  refusal._tag === "InvalidHeader" || refusal._tag === "InvalidRequest"
    ? `${statusOf(refusal)} ${(/^[^:,]*/.exec(sentenceOf(refusal))?.[0] ?? "").toLowerCase()}`
    : `${statusOf(refusal)} ${refusal._tag}`

/** Registers one test for the request as it is, one for each defect, one for each defect that hides another. */
export const inOrder = <A>(
  request: A,
  decide: (request: A) => Either.Either<unknown, AnyRefusal>,
  defects: ReadonlyArray<Defect<A>>
): void => {
  const refusalOf = (spoilt: A) => Either.match(decide(spoilt), { onLeft: told, onRight: () => "none" })

  it("accepts the request with which the others begin", () => {
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
