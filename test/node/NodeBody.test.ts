import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as NodeBody from "../../src/node/http/NodeBody.js"
import { open, patch } from "../support/raw.js"

const kibibyte = 1024

/** Serves one request. The test gets its body and its client. */
const withRequest = <A>(
  budget: NodeBody.Budget,
  use: (given: {
    readonly body: NodeBody.NodeBody
    readonly client: Awaited<ReturnType<typeof open>>
    readonly request: Http.IncomingMessage
  }) => Promise<A>,
  length = 4096 * kibibyte
) =>
  Effect.promise(async () => {
    const server = Http.createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const requested = new Promise<Http.IncomingMessage>((resolve) => server.once("request", resolve))
    const client = await open((server.address() as AddressInfo).port)
    await client.send(patch("/", 0, length))
    const request = await requested
    const body = NodeBody.make(request, 3_600_000, budget, () => {})
    try {
      return await use({ body, client, request })
    } finally {
      client.destroy()
      server.closeAllConnections()
      server.close()
    }
  })

const pull = (body: NodeBody.NodeBody) => Effect.runPromise(Effect.either(body.pull))

const sizeOf = (batch: Chunk.Chunk<Uint8Array>) => Chunk.reduce(batch, 0, (sum, { length }) => sum + length)

const textOf = async (pulled: ReturnType<typeof pull>) => {
  const either = await pulled
  assert(either._tag === "Right")
  return Buffer.concat([...either.right]).toString()
}

const ended = Either.left(Option.none())

const until = async (condition: () => boolean) => {
  while (!condition()) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe("NodeBody", () => {
  it.live("returns with one pull all that has arrived, and buffers at most 1 MiB", () => {
    const budget = { limit: Infinity, used: 0 }
    return withRequest(budget, async ({ body, client, request }) => {
      const first = pull(body)
      void client.send(Buffer.alloc(4096 * kibibyte))
      assert.strictEqual((await first)._tag, "Right")
      await until(() => request.isPaused())
      assert.isAtLeast(budget.used, 1024 * kibibyte)
      assert.isBelow(budget.used, 1024 * kibibyte + 65 * kibibyte)
      const second = await pull(body)
      assert(second._tag === "Right")
      assert.isAtLeast(sizeOf(second.right), 1024 * kibibyte)
      assert.isAtMost(budget.used, 128 * kibibyte)
    })
  })

  it.live("reads one piece at a time if all bodies together have buffered too much", () =>
    withRequest({ limit: 10, used: 10 }, async ({ body, client, request }) => {
      void client.send(Buffer.alloc(4096 * kibibyte))
      let received = 0
      while (received < 4096 * kibibyte) {
        const pulled = await pull(body)
        assert(pulled._tag === "Right")
        assert.isAtMost(sizeOf(pulled.right), 64 * kibibyte)
        received += sizeOf(pulled.right)
      }
      deepStrictEqual(await pull(body), await Effect.runPromise(Effect.either(Effect.fail(Option.none()))))
      assert.isTrue(request.complete)
    }))

  it.live("reads nothing before the first pull", () =>
    withRequest({ limit: Infinity, used: 0 }, async ({ client, request }) => {
      await client.send("x".repeat(1000))
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.isFalse(request.readableFlowing ?? false)
    }))

  it.live("returns what has arrived before it reports that the rest is lost", () => {
    const budget = { limit: Infinity, used: 0 }
    return withRequest(budget, async ({ body, client }) => {
      const first = pull(body)
      await client.send("abc")
      await first
      await client.send("def")
      await until(() => budget.used === 3)
      body.stop("TakenOver")
      const last = await pull(body)
      assert(last._tag === "Right")
      assert.strictEqual(Buffer.concat([...last.right]).toString(), "def")
      const cut = await pull(body)
      assert(cut._tag === "Left")
      deepStrictEqual(cut.left, Option.some("TakenOver" as const))
    })
  })

  it.live("lends its bytes: the next pull reuses their memory", () =>
    withRequest({ limit: Infinity, used: 0 }, async ({ body, client }) => {
      const first = pull(body)
      await client.send(Buffer.alloc(64 * kibibyte))
      const lent = await first
      assert(lent._tag === "Right")
      assert.isAbove(sizeOf(lent.right), 0)
      const second = pull(body)
      assert.strictEqual(sizeOf(lent.right), 0)
      await client.send(Buffer.alloc(64 * kibibyte))
      await second
    }))

  it.live("a body that has arrived whole is complete, even if it is stopped", () =>
    withRequest({ limit: Infinity, used: 0 }, async ({ body, client, request }) => {
      await client.send("abc")
      await until(() => request.complete)
      const told = Effect.runPromise(body.stopped)
      body.stop("TakenOver")
      await told
      const all = await pull(body)
      assert(all._tag === "Right")
      const end = await pull(body)
      assert(end._tag === "Left")
      deepStrictEqual(end.left, Option.none())
    }, 3))

  it.live("distinguishes a sender that is gone from one that has ended", () =>
    withRequest({ limit: Infinity, used: 0 }, async ({ body, client }) => {
      const waiting = pull(body)
      client.destroy()
      const cut = await waiting
      assert(cut._tag === "Left")
      deepStrictEqual(cut.left, Option.some("Disconnected" as const))
    }))

  it.live("hands over a small body whole, and knows then that it has ended", () =>
    withRequest({ limit: Infinity, used: 0 }, async ({ body, client, request }) => {
      const pulled = pull(body)
      await client.send("ab")
      await until(() => request.readableFlowing === true)
      assert.isFalse(body.hasEnded?.())
      await client.send("cdef")
      assert.strictEqual(await textOf(pulled), "abcdef")
      assert.isTrue(body.hasEnded?.())
      assert.isFalse(body.isUnread())
      deepStrictEqual(await pull(body), ended)
    }, 6))

  it.live("hands over what there is of a small body that is asked for, that is late, or whose end is lost", () =>
    Effect.forEach(
      [
        (body: NodeBody.NodeBody) => body.flush?.(),
        () => {},
        (body: NodeBody.NodeBody) => body.stop("TakenOver"),
        (_: unknown, { destroy }: { readonly destroy: () => void }) => destroy()
      ],
      (act) => {
        const budget = { limit: Infinity, used: 0 }
        return withRequest(budget, async ({ body, client }) => {
          const pulled = pull(body)
          await client.send("ab")
          await until(() => budget.used === 2)
          act(body, client)
          assert.strictEqual(await textOf(pulled), "ab")
          assert.isFalse(body.hasEnded?.())
          assert.strictEqual(budget.used, 0)
        }, 6)
      }
    ))

  it.live("waits for no small body when all bodies together keep too much waiting", () =>
    withRequest({ limit: 10, used: 9 }, async ({ body, client }) => {
      const pulled = pull(body)
      await client.send("ab")
      assert.strictEqual(await textOf(pulled), "ab")
      const rest = pull(body)
      await client.send("c")
      assert.strictEqual(await textOf(rest), "c")
    }, 6))
})
