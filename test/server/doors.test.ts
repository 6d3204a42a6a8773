import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { create, head, locationOf, offsetOf, patch, play } from "../support/exchange.js"
import * as Raw from "../support/raw.js"
import { doors } from "./doors.js"
import { scenarios } from "./exchanges.js"

for (const [name, open] of Object.entries(doors)) {
  describe(name, () => {
    for (const { connected, exchanges, policy, title, trailers } of scenarios) {
      it.scopedLive(title, () =>
        Effect.gen(function*() {
          const door = yield* open(policy)
          if (
            (trailers !== undefined && trailers !== door.trailers) || (connected === true && door.port === undefined)
          ) {
            return
          }
          yield* Effect.promise(() => play(door.ask, exchanges))
        }))
    }

    it.scopedLive("a refusal in the middle of a large body arrives as a response, not as a reset", () =>
      Effect.gen(function*() {
        const { ask } = yield* open()
        yield* Effect.promise(async () => {
          const path = locationOf(await ask(create(4 * mebibyte)))
          const large = (offset: number) => ({ ...patch(path, offset, "x".repeat(16 * mebibyte)), chunked: true })
          assert.strictEqual((await ask(large(7))).status, 409)
          assert.strictEqual((await ask(large(0))).status, 413)
          assert.strictEqual(offsetOf(await ask(head(path))), 4 * mebibyte)
        })
      }))

    it.scopedLive("a socket that closes in the middle of a body leaves its bytes and a free lock", () =>
      Effect.gen(function*() {
        const { ask, port } = yield* open()
        if (port === undefined) {
          return
        }
        yield* Effect.promise(async () => {
          const path = locationOf(await ask(create(1000)))
          const client = await Raw.open(port)
          await client.send(Raw.patch(path, 0, 1000), "x".repeat(300))
          let offset = 0
          for (let tries = 0; offset === 0; tries++) {
            if (tries === 1) {
              client.destroy()
            }
            await new Promise((resolve) => setTimeout(resolve, 20))
            offset = offsetOf(await ask(head(path)))
          }
          assert.strictEqual(offset, 300)
          assert.strictEqual((await ask(patch(path, 300, "y".repeat(700)))).status, 204)
        })
      }))
  })
}

const mebibyte = 1024 * 1024
