import { assert, describe, it } from "@effect/vitest"
import { assertRight } from "@effect/vitest/utils"
import { TusTransport } from "effect-tus/client"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Probe from "../../src/cli/doctor/Probe.js"

const offsetOf = (said: string | undefined) =>
  Effect.flatMap(
    Probe.make({ headers: {}, timeout: Duration.seconds(1) }),
    (probe) => Effect.either(probe.offsetOf("http://a/files/1"))
  ).pipe(Effect.provideService(TusTransport.TusTransport, {
    trailers: false,
    bodyLimit: Infinity,
    send: () => Effect.succeed({ status: 200, headers: said === undefined ? {} : { "upload-offset": said } })
  }))

describe("the offset in a response", () => {
  it.effect("is a number of bytes", () =>
    Effect.gen(function*() {
      assertRight(yield* Effect.map(offsetOf("17"), Either.map(Number)), 17)
    }))

  for (const said of [undefined, "", "0x10", "1e3", " 5", "-1", "1.5", "99999999999999999999", "Infinity"]) {
    it.effect(`is unknown if the header is ${said === undefined ? "absent" : JSON.stringify(said)}`, () =>
      Effect.gen(function*() {
        const answer = yield* offsetOf(said)
        assert.isTrue(Either.isLeft(answer) && answer.left._tag === "Misbehaved", String(answer))
      }))
  }
})
