/**
 * What an operator does on one server of a cluster holds for all of them.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadRegistry } from "effect-tus"
import { ClusterServer } from "effect-tus/cluster"
import { TusAdmin, TusHealth, UploadEvents } from "effect-tus/server"
import * as Arr from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import * as UploadBody from "../../src/server/body/UploadBody.js"
import { create, head, patch, request } from "../support/memory.js"
import { needs } from "../support/needs.js"
import { postgres } from "../support/postgres.js"
import { idOf } from "../support/uploads.js"

/** Two servers, with the events of each. */
const cluster = (options: Partial<ClusterServer.Options> = {}) =>
  Effect.gen(function*() {
    const url = yield* Effect.flatMap(postgres, ({ database }) => database)
    const bytes = Context.get(yield* Layer.build(ByteStore.layerMemory), ByteStore.ByteStore)
    const server = Effect.gen(function*() {
      const events: Array<string> = []
      const recorded = Layer.succeed(UploadEvents.UploadEvents, {
        publish: ({ _tag }) => Effect.sync(() => events.push(_tag))
      })
      const layer = TusAdmin.layer.pipe(
        Layer.provideMerge(
          ClusterServer.layer({
            database: { url: Redacted.make(url) },
            bytes: Layer.succeed(ByteStore.ByteStore, { ...bytes, isShared: true }),
            ...options
          })
        ),
        Layer.provideMerge(recorded)
      )
      return { context: yield* Layer.build(Layer.fresh(layer)), events }
    })
    return yield* Effect.all([server, server])
  })

/** Some bytes, and then nothing for as long as somebody waits. */
const hanging = (text: string) => {
  let isSent = false
  return UploadBody.fromPull(
    Effect.suspend(() => {
      const first = !isSent
      isSent = true
      return first ? Effect.succeed(Chunk.of(new TextEncoder().encode(text))) : Effect.never
    }),
    {}
  )
}

needs("PostgreSQL")("on any server of a cluster", () => {
  it.scopedLive("an operator lists, inspects, extends and removes uploads of all of them, also one in use", () =>
    Effect.gen(function*() {
      const [one, other] = yield* cluster()
      const admin = Context.get(other.context, TusAdmin.TusAdmin)
      const path = yield* Effect.provide(create({ "upload-length": "9" }), one.context)
      const id = idOf(path)
      const listed = yield* Stream.runCollect(admin.list)
      deepStrictEqual(Arr.getRights(Chunk.toReadonlyArray(listed)).map((upload) => upload.id), [id])

      const running = yield* Effect.fork(Effect.provide(patch(path, 0, hanging("abc")), one.context))
      const offset = Effect.map(admin.inspect(id), ({ upload }) => Number(upload.offset))
      yield* Effect.repeat(Effect.zipRight(Effect.provide(head(path), one.context), offset), {
        until: (offset) => offset === 3
      })
      assert.strictEqual((yield* Effect.flip(admin.extend(id, Option.none())))._tag, "Contended")
      yield* admin.terminate(id)
      yield* Fiber.join(running)
      assert.strictEqual((yield* Effect.provide(head(path), one.context)).status, 404)
      deepStrictEqual([one.events.filter((tag) => tag !== "Progress"), other.events], [["Created"], ["Terminated"]])
    }))

  it.scopedLive("the usage is that of all, and readiness its own", () =>
    Effect.gen(function*() {
      const servers = yield* cluster()
      yield* Effect.forEach(servers, ({ context }) => Effect.provide(create({ "upload-length": "9" }), context))
      for (const { context } of servers) {
        deepStrictEqual((yield* Context.get(context, UploadRegistry.UploadRegistry).usage).uploads, 2)
        deepStrictEqual(yield* Effect.provide(TusHealth.problems(), context), [])
      }
    }))

  it.scopedLive("a quota is that of all", () =>
    Effect.gen(function*() {
      const servers = yield* cluster({ limits: { bytesPerOwner: 100 } })
      const posts = Arr.range(1, 20).map((n) =>
        Effect.provide(
          request("POST", "/files", { "upload-length": "30" }),
          servers[n % 2]?.context ?? servers[0].context
        )
      )
      const answers = yield* Effect.all(posts, { concurrency: "unbounded" })
      deepStrictEqual(answers.filter(({ status }) => status === 201).length, 3)
    }))

  it.scopedLive("a limit that makes no sense is refused", () =>
    Effect.gen(function*() {
      const built = yield* Effect.either(cluster({ limits: { bytesPerOwner: -1 } }))
      assert.match(String(Option.getOrThrow(Either.getLeft(built))), /limits.bytesPerOwner: expected a whole number/)
    }))
})
