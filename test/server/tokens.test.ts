/**
 * A token that expires while the body arrives. A request that was admitted may finish; the next one is refused.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Refusal } from "effect-tus"
import { type TusClient, TusUpload, UploadSource } from "effect-tus/client"
import { NodeTusServer } from "effect-tus/node"
import { NodeTusClient } from "effect-tus/node-client"
import { UploadHooks } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { createHash, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { fileOf } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"

const bytes = randomBytes(1024 * 1024)
const digest = (data: Uint8Array) => createHash("sha256").update(data).digest("hex")

/** One token is valid at a time. */
const guarded = () => {
  const state = { token: "first", bodies: Array<string>() }
  const authorize: UploadHooks.Hooks["authorize"] = (intent, _, { headers }) =>
    Effect.suspend(() => {
      const isGood = headers["authorization"] === `Bearer ${state.token}`
      if (intent === "Append") {
        state.bodies.push(isGood ? "let in" : "refused")
      }
      return isGood ? Effect.void : Effect.fail(new Refusal.Denied({ status: 401, reason: "expected a fresh token" }))
    })
  return { authorize, state }
}

const piece = bytes.length / 8

/**
 * In the middle of the body that begins at `start`, waits until the request was admitted, and then expires the token.
 */
const expiring = (start: number, isLetIn: () => boolean, expire: () => void) =>
  UploadSource.fromRange({
    name: "a.bin",
    length: bytes.length,
    read: (from, to) =>
      Stream.range(from / piece, to / piece - 1).pipe(
        Stream.rechunk(1),
        Stream.tap((i) =>
          i * piece !== start + piece ? Effect.void : Effect.sleep("10 millis").pipe(
            Effect.repeat({ until: isLetIn }),
            Effect.zipRight(Effect.sync(expire))
          )
        ),
        Stream.map((i) => bytes.subarray(i * piece, (i + 1) * piece))
      )
  })

needs("SQLite")("a token that expires in the middle of a body", () => {
  const plans = [
    { title: "does not cut off a running request", chunkSize: bytes.length, start: 0, bodies: ["let in"] },
    {
      title: "is refused with the next request, and the client continues with a new token",
      chunkSize: bytes.length / 4,
      start: bytes.length / 4,
      bodies: ["let in", "let in", "refused", "let in", "let in"]
    }
  ]
  for (const { bodies, chunkSize, start, title } of plans) {
    it.scopedLive(title, () =>
      Effect.gen(function*() {
        const path = yield* directory
        const { authorize, state } = guarded()
        const context = yield* Layer.build(
          NodeTusServer.layer({ port: 0, directory: path }).pipe(
            Layer.provide(Layer.succeed(UploadHooks.UploadHooks, { authorize }))
          )
        )
        const { url: endpoint } = yield* Effect.provide(NodeTusServer.NodeTusServer, context)
        const source = expiring(start, () => state.bodies.length === start / chunkSize + 1, () => {
          state.token = "second"
        })
        let token = state.token
        const headers = ({ refresh }: TusClient.Attempt) =>
          Effect.sync(() => {
            token = refresh ? state.token : token
            return { authorization: `Bearer ${token}` }
          })
        const { complete, url } = yield* TusUpload.run({ endpoint, source, chunkSize, createWithUpload: 0 }).pipe(
          Effect.provide(NodeTusClient.layer({ headers }))
        )
        assert.isTrue(complete)
        deepStrictEqual(state.bodies, bodies)
        assert.strictEqual(digest(readFileSync(fileOf(path, url))), digest(bytes))
      }))
  }
})
