/**
 * The cost of requests in operations of Effect's interpreter, which is most of the cost of a small request. It is the
 * same on every machine. A change that makes a path longer saves elsewhere on it, or explains here why it is worth it.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { UploadStore } from "effect-tus"
import { EmbeddedStore, NodeTusServer } from "effect-tus/node"
import { TusServer } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as RuntimeFlagsPatch from "effect/RuntimeFlagsPatch"
import * as Struct from "effect/Struct"
import * as Supervisor from "effect/Supervisor"
import { directory } from "../support/directory.js"
import type { Request } from "../support/exchange.js"
import * as Raw from "../support/raw.js"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** Counts the operations of the next fiber that starts. */
class Counting extends Supervisor.AbstractSupervisor<void> {
  readonly value = Effect.void
  private fiber: AnyFiber | undefined
  private operations = 0
  private told: ((operations: number) => void) | undefined

  next() {
    this.fiber = undefined
    this.operations = 0
    return new Promise<number>((resolve) => {
      this.told = resolve
    })
  }
  override onStart(_: unknown, __: unknown, ___: unknown, fiber: AnyFiber) {
    this.fiber ??= fiber
  }
  override onEffect(fiber: AnyFiber) {
    this.operations += fiber === this.fiber ? 1 : 0
  }
  override onEnd(_: unknown, fiber: AnyFiber) {
    if (fiber === this.fiber) {
      this.told?.(this.operations)
    }
  }
}

/**
 * Lower a number if you can. Six operations check that the file still exists after a write and that there is room for
 * the state; one more checks the quota of a new upload.
 */
const worth = {
  OPTIONS: 8,
  POST: 69,
  HEAD: 20,
  "first PATCH": 172,
  PATCH: 148,
  "last PATCH": 160,
  "POST of it all": 187
}

const headers = { "tus-resumable": "1.0.0" }
const stream = { ...headers, "content-type": "application/offset+octet-stream" }

describe("a request", () => {
  it.scopedLive("takes no more operations of Effect than before", () =>
    Effect.gen(function*() {
      const counting = new Counting()
      // Without a sweeper, whose fibers would be counted.
      const server = NodeTusServer.layerHttp({ port: 0 }).pipe(
        Layer.provide(TusServer.layer),
        Layer.provide(EmbeddedStore.layer({ directory: yield* directory })),
        Layer.provide(Layer.succeed(UploadStore.Durability, "process"))
      )
      const context = yield* Layer.build(server).pipe(
        Effect.supervised(counting),
        Effect.withRuntimeFlagsPatch(RuntimeFlagsPatch.enable(RuntimeFlags.OpSupervision))
      )
      const ask = Raw.ask(Context.get(context, NodeTusServer.NodeTusServer).port)
      const costOf = async (asked: Request, status: number) => {
        const ended = counting.next()
        const answer = await ask(asked)
        assert.strictEqual(answer.status, status, answer.text)
        return { cost: await ended, path: answer.headers["location"] ?? "" }
      }
      const patch = (path: string, offset: number) =>
        costOf({ method: "PATCH", path, headers: { ...stream, "upload-offset": `${offset}` }, body: "ab" }, 204)

      const measure = async (): Promise<typeof worth> => {
        const post = { method: "POST", path: "/files" }
        const created = await costOf({ ...post, headers: { ...headers, "upload-length": "6" } }, 201)
        const whole = { ...post, headers: { ...stream, "upload-length": "2" }, body: "ab" }
        return {
          OPTIONS: (await costOf({ method: "OPTIONS", path: "/files", headers }, 204)).cost,
          POST: created.cost,
          HEAD: (await costOf({ method: "HEAD", path: created.path, headers }, 200)).cost,
          "first PATCH": (await patch(created.path, 0)).cost,
          PATCH: (await patch(created.path, 2)).cost,
          "last PATCH": (await patch(created.path, 4)).cost,
          "POST of it all": (await costOf(whole, 201)).cost
        }
      }
      yield* Effect.promise(async () => {
        // A body that takes more than a second is committed once more, so a slow machine has three attempts.
        const measured = [await measure(), await measure(), await measure()]
        const costs = Struct.keys(worth).map((name) =>
          [name, Math.min(...measured.map((costs) => costs[name]))] as const
        )
        deepStrictEqual(costs.filter(([name, cost]) => cost > worth[name]), [])
      })
    }))
})
