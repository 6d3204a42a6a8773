/**
 * A client whose connection breaks after its last byte, before the answer comes: it asks again, perhaps of another
 * process.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import { UploadHooks } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import * as Raw from "../support/raw.js"

const again = async (port: number, path: string) => {
  const { headers, status, text } = await Raw.ask(port)(Exchange.patch(path, 3, ""))
  return [status, headers["upload-offset"], headers["x-scan"], text]
}

describe("a lost response", () => {
  it.scopedLive("is sent again to a PATCH without bytes, also by the next process", () =>
    Effect.gen(function*() {
      const place = yield* directory
      const asked = yield* Deferred.make<void>()
      const gone = yield* Deferred.make<void>()
      const runs: Array<string> = []
      const hooks = Layer.succeed(UploadHooks.UploadHooks, {
        onComplete: ({ id }) =>
          Effect.gen(function*() {
            runs.push(id)
            yield* Deferred.succeed(asked, undefined)
            yield* Deferred.await(gone)
            return { headers: { "x-scan": "clean" }, body: "thank you" }
          })
      })
      const serving = <A>(use: (port: number) => Promise<A>) =>
        Layer.build(NodeTusServer.layer({ directory: place, port: 0 }).pipe(Layer.provide(hooks))).pipe(
          Effect.flatMap((server) => Effect.promise(() => use(Context.get(server, NodeTusServer.NodeTusServer).port))),
          Effect.scoped
        )
      const expected = [200, "3", "clean", "thank you"]

      const path = yield* serving(async (port) => {
        const path = Exchange.locationOf(await Raw.ask(port)(Exchange.create(3)))
        const client = await Raw.open(port)
        await client.send(`${Raw.patch(path, 0, 3)}abc`)
        await Effect.runPromise(Deferred.await(asked))
        client.destroy()
        await client.closed
        await Effect.runPromise(Deferred.succeed(gone, undefined))
        deepStrictEqual(await again(port, path), expected)
        return path
      })
      deepStrictEqual(yield* serving((port) => again(port, path)), expected)
      deepStrictEqual(runs.length, 1)
    }))
})
