/**
 * A body that fails in any way during a request ends the request and its connection, and the next request works.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Body } from "../../src/client/transport/TusTransport.js"
import { ask, echo, http, known, lent, patch, transport } from "./servers.js"

const throws = (): never => {
  throw new Error("boom")
}

const ways: Readonly<Record<string, () => never>> = {
  throws,
  "dies": () => Effect.die(new Error("boom")) as never,
  "fails with null": () => Effect.fail(null) as never,
  "interrupts itself": () => Effect.interrupt as never,
  "returns no Effect": () => ({ boom: true }) as never,
  "returns a number": () => 42 as never
}

const mebibyte = 1024 * 1024

const body = (spoil: Partial<{ open: () => never; pull: () => never; close: () => never }>): Body => {
  const whole = lent(mebibyte)
  return {
    ...whole,
    open: Effect.suspend(() =>
      spoil.open?.() ?? Effect.map(whole.open, ({ close, pull }) => ({
        pull: Effect.suspend(() => whole.pulled() >= mebibyte / 2 ? spoil.pull?.() ?? pull : pull),
        close: (exit: Exit.Exit<unknown, unknown>) => spoil.close?.() ?? close(exit)
      }))
    )
  }
}

const unheard: Array<unknown> = []
process.on("unhandledRejection", (reason) => unheard.push(reason))
process.on("uncaughtException", (error) => unheard.push(error))

describe("a body that breaks", () => {
  for (const part of ["open", "pull", "close"] as const) {
    for (const [how, way] of Object.entries(ways)) {
      it.scopedLive(`fails its request if it ${how}: ${part}`, () =>
        Effect.gen(function*() {
          const { send } = yield* transport()
          const { url } = yield* http(echo)
          const exit = yield* Effect.exit(send(patch(url, body({ [part]: way }))))
          assert.isTrue(Exit.isFailure(exit))
          deepStrictEqual((yield* send(ask(url, "OPTIONS"))).status, 200)
          deepStrictEqual(unheard, [])
        }))
    }
  }

  const bodies: Readonly<Record<string, () => Body>> = {
    "is read": () => lent(mebibyte),
    "is known": () => known(1000)
  }
  const parts = ["onSent", "trailers"].flatMap((part) => Object.keys(bodies).map((kind) => [part, kind] as const))
  for (const [part, kind] of parts) {
    it.scopedLive(`that ${kind} fails its request if a callback throws: ${part}`, () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http(echo)
        const body = (bodies[kind] ?? throws)()
        const request = part === "onSent"
          ? patch(url, body, { onSent: throws })
          : patch(url, { ...body, trailers: throws })
        const exit = yield* Effect.exit(send(request))
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "boom")
        deepStrictEqual((yield* send(ask(url, "OPTIONS"))).status, 200)
        deepStrictEqual(unheard, [])
      }))
  }
})
