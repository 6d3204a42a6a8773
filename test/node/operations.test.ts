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

/** Counts the operations of the first fiber that starts for a request. */
class Counting extends Supervisor.AbstractSupervisor<void> {
  readonly value = Effect.void
  private fiber: AnyFiber | undefined
  private operations = 0
  private hasEnded = false
  private told = () => {}

  reset() {
    this.fiber = undefined
    this.operations = 0
    this.hasEnded = false
  }
  /** After the answer: none if no fiber has started, else those until the end of the fiber. */
  async count(): Promise<number> {
    if (this.fiber !== undefined && !this.hasEnded) {
      await new Promise<void>((resolve) => {
        this.told = resolve
      })
    }
    return this.operations
  }
  override onStart(_: unknown, __: unknown, ___: unknown, fiber: AnyFiber) {
    this.fiber ??= fiber
  }
  override onEffect(fiber: AnyFiber) {
    this.operations += fiber === this.fiber ? 1 : 0
  }
  override onEnd(_: unknown, fiber: AnyFiber) {
    if (fiber === this.fiber) {
      this.hasEnded = true
      this.told()
    }
  }
}

/**
 * Lower a number if you can. With files, six operations check that the file still exists and that there is room for the
 * state.
 */
const worth = {
  files: { POST: 17, "first PATCH": 114, PATCH: 90, "last PATCH": 104, "POST of it all": 125 },
  database: { POST: 17, "first PATCH": 45, PATCH: 45, "last PATCH": 52, "POST of it all": 50 }
}

const headers = { "tus-resumable": "1.0.0" }
const stream = { ...headers, "content-type": "application/offset+octet-stream" }

/** What is known when the head of the request has been read: no fiber starts. `path` is that of an open upload. */
const known = (path: string): ReadonlyArray<Request & { readonly status: number }> => [
  { status: 204, method: "OPTIONS", path: "/files", headers },
  { status: 200, method: "HEAD", path, headers },
  { status: 405, method: "PUT", path, headers },
  { status: 412, method: "HEAD", path, headers: {} },
  { status: 404, method: "HEAD", path: "/elsewhere", headers },
  { status: 405, method: "POST", path, headers },
  { status: 400, method: "POST", path: "/files", headers },
  { status: 400, method: "POST", path: "/files", headers: { ...headers, "upload-length": "1e3" } },
  {
    status: 400,
    method: "POST",
    path: "/files",
    headers: { ...headers, "upload-length": "1", "upload-metadata": "a b c" }
  },
  { status: 415, method: "PATCH", path, headers: { ...headers, "upload-offset": "0" } },
  { status: 400, method: "PATCH", path, headers: stream },
  { status: 409, method: "PATCH", path, headers: { ...stream, "upload-offset": "1" } },
  { status: 400, method: "PATCH", path, headers: { ...stream, "upload-offset": "0", "upload-length": "7" } },
  { status: 405, method: "DELETE", path: "/files", headers }
]

/** A server that counts, without a sweeper, whose fibers would be counted, too. */
const serve = Effect.fnUntraced(function*(smallUploads: "database" | "files") {
  const counting = new Counting()
  const server = NodeTusServer.layerHttp({ port: 0 }).pipe(
    Layer.provide(TusServer.layer),
    Layer.provide(EmbeddedStore.layer({ directory: yield* directory, smallUploads })),
    Layer.provide(Layer.succeed(UploadStore.Durability, "process"))
  )
  const context = yield* Layer.build(server).pipe(
    Effect.supervised(counting),
    Effect.withRuntimeFlagsPatch(RuntimeFlagsPatch.enable(RuntimeFlags.OpSupervision))
  )
  const ask = Raw.ask(Context.get(context, NodeTusServer.NodeTusServer).port)
  return async (asked: Request, status: number) => {
    counting.reset()
    const answer = await ask(asked)
    assert.strictEqual(answer.status, status, `${asked.method} ${asked.path}: ${answer.text}`)
    return { cost: await counting.count(), path: answer.headers["location"] ?? "" }
  }
})

describe("a request", () => {
  it.scopedLive.each(Struct.keys(worth))(
    "takes no more operations of Effect than before, with %s",
    (smallUploads) =>
      Effect.gen(function*() {
        const costOf = yield* serve(smallUploads)
        const patch = (path: string, offset: number) =>
          costOf({ method: "PATCH", path, headers: { ...stream, "upload-offset": `${offset}` }, body: "ab" }, 204)

        const measure = async () => {
          const post = { method: "POST", path: "/files" }
          const created = await costOf({ ...post, headers: { ...headers, "upload-length": "6" } }, 201)
          const whole = { ...post, headers: { ...stream, "upload-length": "2" }, body: "ab" }
          return {
            POST: created.cost,
            "first PATCH": (await patch(created.path, 0)).cost,
            PATCH: (await patch(created.path, 2)).cost,
            "last PATCH": (await patch(created.path, 4)).cost,
            "POST of it all": (await costOf(whole, 201)).cost
          }
        }
        yield* Effect.promise(async () => {
          // A body that takes more than a second is committed once more, so a slow machine has three attempts.
          const measured = [await measure(), await measure(), await measure()]
          const most = worth[smallUploads]
          const costs = Struct.keys(most).map((name) =>
            [name, Math.min(...measured.map((costs) => costs[name]))] as const
          )
          deepStrictEqual(costs.filter(([name, cost]) => cost > most[name]), [])
        })
      })
  )

  it.scopedLive("takes none, and no fiber, where its head decides", () =>
    Effect.gen(function*() {
      const costOf = yield* serve("files")
      yield* Effect.promise(async () => {
        const post = { method: "POST", path: "/files", headers: { ...headers, "upload-length": "6" } }
        const { path } = await costOf(post, 201)
        const costs: Array<readonly [status: number, cost: number]> = []
        for (const { status, ...asked } of known(path)) {
          costs.push([status, (await costOf(asked, status)).cost])
        }
        deepStrictEqual(costs.filter(([, cost]) => cost > 0), [])
      })
    }))
})
