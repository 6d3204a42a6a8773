import { assert, describe, it } from "@effect/vitest"
import { ByteStore, Pull } from "effect-tus"
import { S3ByteStore } from "effect-tus/s3"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { idOf, numbered } from "../../src/testing/Fixtures.js"
import { layerTemporary } from "../sql/database.js"
import { Engine } from "./engine.js"

const id = idOf("a")
const partSize = 64 * 1024

const append = (store: ByteStore.ByteStore["Type"], at: number, size: number) =>
  store.append(id, { at, fence: 1 }, Pull.whole(Chunk.of(numbered(size, at))), () => Effect.void)

const verbsOf = (use: (store: ByteStore.ByteStore["Type"]) => Effect.Effect<unknown, unknown>) =>
  Effect.suspend(() => {
    const engine = new Engine({ smallestPart: partSize })
    return Effect.flatMap(ByteStore.ByteStore, (store) => {
      // Those before were made to try the bucket.
      engine.calls.length = 0
      return use(store)
    }).pipe(
      Effect.provide(Layer.provide(
        S3ByteStore.layer({ partSize, memory: 4 * partSize }),
        Layer.merge(engine.layer(), layerTemporary)
      )),
      Effect.map(() => engine.calls.map(({ verb }) => verb).join(" "))
    )
  })

describe("the calls to S3", () => {
  it.effect("are one PUT for a small upload, its seal included, and none for its size", () =>
    Effect.gen(function*() {
      const verbs = yield* verbsOf((store) =>
        append(store, 0, 1000).pipe(
          Effect.zipRight(store.seal?.(id, { length: 1000, fence: 1 }) ?? Effect.void),
          Effect.zipRight(store.size(id))
        )
      )
      assert.strictEqual(verbs, "put")
    }))

  it.effect("are one part for each body of a part, and one completion", () =>
    Effect.gen(function*() {
      const verbs = yield* verbsOf((store) =>
        append(store, 0, partSize).pipe(
          Effect.zipRight(append(store, partSize, partSize)),
          Effect.zipRight(store.seal?.(id, { length: 2 * partSize, fence: 1 }) ?? Effect.void)
        )
      )
      assert.strictEqual(verbs, "create part part complete")
    }))
})
