import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { assert, it } from "@effect/vitest"
import { NodeHandler, NodeTusServer } from "effect-tus/node"
import { OptionError, TusHttp, TusPolicy, type TusServer, TusWeb } from "effect-tus/server"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Scope } from "effect/Scope"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"
import { server } from "./doors.js"

const wrong = { trustedProxies: ["10.0.0.0/99"] }

const message = /^trustedProxies: expected IP addresses and ranges such as [^\n]*, got "10\.0\.0\.0\/99"$/

needs("SQLite")("an invalid policy", () => {
  it.scoped("fails its layer, with one sentence", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(TusPolicy.layer(wrong)))
      assert.instanceOf(error, OptionError.OptionError)
      assert.match(error.message, message)
    }))

  it.scopedLive("fails a whole server before it listens", () =>
    Effect.gen(function*() {
      const options = { port: 0, directory: yield* directory, ...wrong }
      const error = yield* Effect.flip(Layer.build(NodeTusServer.layer(options)))
      assert.strictEqual(error._tag, "OptionError")
      assert.match(error.message, message)
    }))

  const options: Array<[options: Readonly<Record<string, unknown>>, sentence: string]> = [
    [{ maxSize: -1 }, `maxSize: expected a whole number from 0, got "-1"`],
    [{ maxSize: 1.5 }, `maxSize: expected a whole number from 0, got "1.5"`],
    [{ maxSize: "10 MB" }, `maxSize: expected a whole number from 0, got "10 MB"`],
    [{ maxMetadataSize: Number.NaN }, `maxMetadataSize: expected a whole number from 0, got "NaN"`],
    [{ expiresAfter: "a while" }, `expiresAfter: expected a duration such as "30 seconds", got "a while"`],
    [{ expiresAfter: -5 }, `expiresAfter: expected a duration such as "30 seconds", got "-5"`],
    [{ downloads: "yes" }, `downloads: expected true or false, got "yes"`],
    [{ port: 65536 }, `port: expected a whole number from 0 to 65535, got "65536"`],
    [{ host: "" }, `host: expected a text that is not empty, got ""`],
    ...["files", "/files/", "//files", "/a//b", "/a?b", "/"].map((path): [{ path: string }, string] => [
      { path },
      `path: expected a path such as /files, with one / before each name and none at its end, got "${path}"`
    ]),
    [
      { idleTimeout: null },
      `idleTimeout: expected a duration above zero, such as "30 seconds", or Infinity for no end, got "null"`
    ],
    [
      { headersTimeout: 0 },
      `headersTimeout: expected a duration above zero, such as "30 seconds", or Infinity for no end, got "0"`
    ],
    [{ durability: "sometimes" }, `durability: expected one of process, completion, always, got "sometimes"`],
    [{ directory: "" }, `directory: expected a text that is not empty, got ""`],
    [{ limits: { bytesPerOwner: "1 GB" } }, `limits.bytesPerOwner: expected a whole number from 0, got "1 GB"`],
    [{ limits: { concurrentWrites: 0 } }, `limits.concurrentWrites: expected a whole number from 1, got "0"`]
  ]
  for (const [wrong, sentence] of options) {
    it.scopedLive(`such as ${JSON.stringify(wrong)} is explained in one sentence`, () =>
      Effect.gen(function*() {
        const options = { port: 0, directory: yield* directory, ...wrong } as NodeTusServer.Options
        const error = yield* Effect.flip(Layer.build(NodeTusServer.layer(options)))
        assert.strictEqual(error.message, sentence)
      }))
  }

  it.scoped("is a defect of a server that gets it without TusPolicy.layer", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Layer.build(server({ maxSize: -1 })))
      const defect = Option.getOrThrow(Cause.dieOption(Exit.isFailure(exit) ? exit.cause : Cause.empty))
      assert.match(String(defect), /maxSize: expected a whole number from 0/)
    }))

  const doors: Readonly<Record<string, Effect.Effect<unknown, never, Scope | TusServer.TusServer>>> = {
    NodeHandler: NodeHandler.make(),
    TusWeb: TusWeb.make(),
    TusHttp: Layer.build(TusHttp.layer({ path: "/files" }).pipe(Layer.provide(HttpLayerRouter.layer)))
  }
  it.scoped("is a defect of a door whose path is invalid", () =>
    Effect.gen(function*() {
      const path = "//files"
      const made: ReadonlyArray<Effect.Effect<unknown, never, TusServer.TusServer>> = [
        NodeHandler.make({ path }),
        TusWeb.make({ path })
      ]
      for (const door of made) {
        const exit = yield* Effect.exit(Effect.provide(door, yield* Layer.build(server({}))))
        const defect = Option.getOrThrow(Cause.dieOption(Exit.isFailure(exit) ? exit.cause : Cause.empty))
        assert.match(String(defect), /path: expected a path such as/)
      }
    }))

  for (const [name, door] of Object.entries(doors)) {
    it.scoped(`is a defect of ${name} as soon as that is made`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Effect.provide(door, yield* Layer.build(server(wrong))))
        assert.isTrue(Exit.isFailure(exit))
        const defect = Option.getOrThrow(Cause.dieOption(Exit.isFailure(exit) ? exit.cause : Cause.empty))
        assert.match(String(defect), /trustedProxies: expected/)
      }))
  }
})
