/**
 * The order of refusals as a table: requests with two things wrong at once, for every two that can go together. The one
 * that stands first in the table has to win.
 */
import { assert, it } from "@effect/vitest"
import type { Refusal } from "effect-tus"
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

/** The tag of a refusal, and the header where it is about one. */
export const told = (refusal: Refusal.Refusal): string =>
  refusal._tag === "InvalidHeader" ? `${refusal.status} ${refusal.header}` : `${refusal.status} ${refusal._tag}`

/** Registers one test for the request as it is, one for each defect, one for each defect that hides another. */
export const inOrder = <A>(
  request: A,
  decide: (request: A) => Either.Either<unknown, Refusal.Refusal>,
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
