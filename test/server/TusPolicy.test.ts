import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { assert, describe, it } from "@effect/vitest"
import { NodeHandler, NodeTusServer } from "effect-tus/node"
import { TusHttp, TusPolicy, type TusServer, TusWeb } from "effect-tus/server"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import { directory } from "../node/temporary.js"
import { server } from "./doors.js"

const wrong = { trustedProxies: ["10.0.0.0/99"] }

const message = /^trustedProxies: expected IP addresses and ranges such as [^\n]*, got "10\.0\.0\.0\/99"$/

describe("a policy that means nothing", () => {
  it.scoped("is a failure of its layer, in one sentence", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(TusPolicy.layer(wrong)))
      assert.instanceOf(error, TusPolicy.PolicyError)
      assert.match(error.message, message)
    }))

  it.scopedLive("is a failure of a whole server before it listens", () =>
    Effect.gen(function*() {
      const options = { port: 0, directory: yield* directory, ...wrong }
      const error = yield* Effect.flip(Layer.build(NodeTusServer.layer(options)))
      assert.strictEqual(error._tag, "PolicyError")
      assert.match(error.message, message)
    }))

  const doors: Readonly<Record<string, Effect.Effect<unknown, never, Scope | TusServer.TusServer>>> = {
    NodeHandler: NodeHandler.make(),
    TusWeb: TusWeb.make(),
    TusHttp: Layer.build(TusHttp.layer({ path: "/files" }).pipe(Layer.provide(HttpLayerRouter.layer)))
  }
  for (const [name, door] of Object.entries(doors)) {
    it.scoped(`is what ${name} dies of when it is made`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Effect.provide(door, yield* Layer.build(server(wrong))))
        assert.isTrue(Exit.isFailure(exit))
        const defect = Option.getOrThrow(Cause.dieOption(Exit.isFailure(exit) ? exit.cause : Cause.empty))
        assert.match(String(defect), /trustedProxies: expected/)
      }))
  }
})
