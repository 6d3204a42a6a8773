import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { HashFunctions } from "effect-tus"
import { BrowserHashFunctions } from "effect-tus/browser-client"
import { NodeHashFunctions } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import type * as Layer from "effect/Layer"

const digestsOf = (layer: Layer.Layer<never>) => Effect.runSync(Effect.provide(HashFunctions.HashFunctions, layer))

const browser = digestsOf(BrowserHashFunctions.layer)
const node = digestsOf(NodeHashFunctions.layer)

const pieces = FastCheck.array(FastCheck.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 })

describe("the hash functions of browsers", () => {
  it("are four of those of tus", () =>
    deepStrictEqual([...browser.keys()].toSorted(), ["md5", "sha1", "sha256", "sha512"]))

  for (const [algorithm, make] of browser) {
    it.prop(
      `${algorithm} equals that of Node, in any pieces, and a copy continues independently`,
      [pieces, pieces],
      ([some, others]) => {
        const [one, same] = [make(), node.get(algorithm)?.()]
        some.forEach((bytes) => [one, same].forEach((hasher) => hasher?.update(bytes)))
        const [copy, sameCopy] = [one.copy(), same?.copy()]
        others.forEach((bytes) => [copy, sameCopy].forEach((hasher) => hasher?.update(bytes)))
        assert.isTrue(same !== undefined && Buffer.from(one.digest()).equals(same.digest()))
        assert.isTrue(sameCopy !== undefined && Buffer.from(copy.digest()).equals(sameCopy.digest()))
      }
    )
  }
})
