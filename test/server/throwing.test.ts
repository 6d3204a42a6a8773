/**
 * Everything that an application provides may throw. Only the request that called it fails.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import {
  TusObserver,
  type TusPolicy,
  TusSweeper,
  UploadEvents,
  UploadHooks,
  UploadIds,
  UploadUrls
} from "effect-tus/server"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import { create, head, patch, request } from "../support/memory.js"
import { server } from "./doors.js"

/** How the call fails. */
const ways: Readonly<Record<string, () => Effect.Effect<never>>> = {
  "throws": () => {
    throw new Error("boom")
  },
  "dies": () => Effect.die(new Error("boom")),
  "fails with an undeclared error": () => Effect.fail(new Error("boom")) as Effect.Effect<never, never>,
  "fails with null": () => Effect.fail(null) as Effect.Effect<never, never>,
  "returns no Effect": () => ({ boom: true }) as never
}

type Break = () => Effect.Effect<never> | undefined

const hook = (name: keyof UploadHooks.Hooks) => (broken: Break) =>
  Layer.succeed(UploadHooks.UploadHooks, { [name]: () => broken() })

const urls: UploadUrls.Urls = {
  areSigned: true,
  sign: () => Effect.succeed("?signature=x"),
  verify: () => Effect.void
}

/** What an application provides. An upload uses all of it. */
const given: Readonly<Record<string, (broken: Break) => Layer.Layer<never>>> = {
  "authorize": hook("authorize"),
  "onCreate": hook("onCreate"),
  "onComplete": hook("onComplete"),
  "onTerminate": hook("onTerminate"),
  "publish of UploadEvents": (broken) =>
    Layer.succeed(UploadEvents.UploadEvents, { publish: () => broken() ?? Effect.void }),
  "sign of UploadUrls": (broken) =>
    Layer.succeed(UploadUrls.UploadUrls, { ...urls, sign: (id) => broken() ?? urls.sign(id) }),
  "verify of UploadUrls": (broken) =>
    Layer.succeed(UploadUrls.UploadUrls, { ...urls, verify: () => broken() ?? Effect.void }),
  "next of UploadIds": (broken) =>
    Layer.effect(
      UploadIds.UploadIds,
      Effect.map(UploadIds.UploadIds, ({ next }) => ({ next: Effect.suspend(() => broken() ?? next) }))
    ),
  "an observer": (broken) => TusObserver.layer(Effect.succeed((exchange, answer) => broken() ?? answer(exchange))),
  "an observer, of an answer": (broken) =>
    TusObserver.layer(
      Effect.succeed((exchange, answer) =>
        Effect.zipLeft(answer(exchange), Effect.suspend(() => broken() ?? Effect.void))
      )
    )
}

/** A whole upload, and the answers. */
const course = Effect.gen(function*() {
  const asked = [yield* request("POST", "/files", { "upload-length": "3" })]
  const path = asked[0]?.headers.location
  if (path !== undefined) {
    asked.push(yield* patch(path, 0, "abc"), yield* head(path), yield* request("DELETE", path))
  }
  return asked.map(({ status }) => status)
})

/** Everything that is published about errors. */
const recording = () => {
  const causes: Array<string> = []
  const logger = Logger.replace(
    Logger.defaultLogger,
    Logger.make(({ cause, logLevel }) => {
      if (logLevel.label === "ERROR") {
        causes.push(Cause.pretty(cause))
      }
    })
  )
  return { causes, logger }
}

describe("a callback of the application", () => {
  for (const [name, layerOf] of Object.entries(given)) {
    for (const [how, way] of Object.entries(ways)) {
      it.effect(`fails only its own request if it ${how}: ${name}`, () => {
        const { causes, logger } = recording()
        let isBroken = true
        const broken = () => (isBroken ? way() : undefined)
        return Effect.gen(function*() {
          const statuses = yield* course
          assert.include(statuses, 500)
          assert.isTrue(statuses.every((status) => status <= 500), String(statuses))
          assert.isAbove(causes.length, 0)
          if (how === "throws" || how === "dies") {
            assert.include(causes.join("\n"), "boom")
          }
          isBroken = false
          deepStrictEqual(yield* course, [201, 204, 200, 204])
        }).pipe(Effect.provide(Layer.provideMerge(server(), layerOf(broken))), Effect.provide(logger))
      })
    }
  }

  it.effect("does not keep other uploads from being removed if it dies: onExpire", () => {
    const { causes, logger } = recording()
    const asked: Array<string> = []
    const hooks = Layer.succeed(UploadHooks.UploadHooks, {
      onExpire: ({ id }) => {
        asked.push(id)
        throw new Error("boom")
      }
    })
    return Effect.gen(function*() {
      const { sweep } = yield* TusSweeper.make
      const paths = [yield* create({ "upload-length": "3" }), yield* create({ "upload-length": "3" })]
      yield* TestClock.adjust("2 hours")
      yield* sweep()
      assert.sameMembers(asked, paths.map((path) => path.split("/").at(-1) ?? ""))
      deepStrictEqual(causes.map((cause) => cause.includes("boom")), [true, true])
      deepStrictEqual(yield* course, [201, 204, 200, 204])
    }).pipe(Effect.provide(logger), Effect.provide(Layer.provideMerge(server({ expiresAfter: "1 hour" }), hooks)))
  })

  it.effect("fails only its own request if it throws: origins of cors", () => {
    let isBroken = true
    const cors: TusPolicy.Options["cors"] = {
      origins: () => {
        if (isBroken) {
          throw new Error("boom")
        }
        return true
      }
    }
    return Effect.gen(function*() {
      const asked = { "upload-length": "3", "origin": "https://example.org" }
      assert.strictEqual((yield* request("POST", "/files", asked)).status, 500)
      isBroken = false
      assert.match(yield* create(asked), /^\/files\//)
    }).pipe(Effect.provide(server({ cors })), Effect.provide(Logger.remove(Logger.defaultLogger)))
  })
})
