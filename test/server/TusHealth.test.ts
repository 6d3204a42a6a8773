import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadRegistry, UploadStoreError } from "effect-tus"
import { TusHealth } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

const store = (free: number | undefined, fails = false) => {
  const failure = new UploadStoreError.UploadStoreError({
    reason: "Read",
    operation: "read a state",
    cause: new Error("gone")
  })
  return Layer.merge(
    Layer.effect(
      ByteStore.ByteStore,
      Effect.map(ByteStore.ByteStore, (bytes) => ({ ...bytes, free: free === undefined ? free : Effect.succeed(free) }))
    ).pipe(Layer.provide(ByteStore.layerMemory)),
    Layer.effect(
      UploadRegistry.UploadRegistry,
      Effect.map(UploadRegistry.UploadRegistry, (registry) => fails ? { ...registry, get: () => failure } : registry)
    ).pipe(Layer.provide(UploadRegistry.layerMemory))
  )
}

const told = (layer: ReturnType<typeof store>, options?: TusHealth.Options) =>
  Effect.provide(Effect.zip(TusHealth.problems(options), TusHealth.ready(options)), layer)

const text = (options: TusHealth.Options) =>
  Effect.flatMap(
    TusHealth.ready({ minFree: 100, ...options }),
    (response) => Effect.promise(() => HttpServerResponse.toWeb(response).text())
  )

describe("health", () => {
  it.effect("is ready if the store responds and has room, or does not know how much room it has", () =>
    Effect.gen(function*() {
      for (const free of [undefined, 1024 ** 3]) {
        const [problems, { status }] = yield* told(store(free))
        deepStrictEqual([problems, status], [[], 200])
      }
      assert.strictEqual((yield* TusHealth.live).status, 200)
    }))

  it.effect("reports all problems", () =>
    Effect.gen(function*() {
      const [problems, { status }] = yield* told(store(99, true), { minFree: 100 })
      assert.strictEqual(status, 503)
      assert.strictEqual(problems.length, 2)
      assert.match(problems[0] ?? "", /^the store fails: read a state/)
      assert.strictEqual(problems[1], "the disk has 99 bytes left, expected at least 100")
    }))

  it.effect("writes the problems only to the log if showProblems is off", () => {
    const lines: Array<unknown> = []
    const logged = Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void lines.push(message)))
    return Effect.gen(function*() {
      const why = "the disk has 99 bytes left, expected at least 100"
      deepStrictEqual(JSON.parse(yield* text({})), { status: "unavailable", problems: [why] })
      deepStrictEqual(lines, [])
      deepStrictEqual(JSON.parse(yield* text({ showProblems: false })), { status: "unavailable" })
      deepStrictEqual(lines, [[why]])
    }).pipe(Effect.provide([store(99), logged]))
  })
})
