/**
 * Servers that close connections in the middle of a body: `doctor` reports the step, and from which size on.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as DoctorRun from "../../src/cli/doctor/DoctorRun.js"
import type { Finding } from "../../src/cli/doctor/Finding.js"
import { TusTransport } from "../../src/client/transport/TusTransport.js"
import * as Servers from "../node-client/servers.js"
import { tus } from "./process.js"

/** The findings about a server that closes the connection of a body larger than `limit`. */
const examined = (limit: number) =>
  Effect.gen(function*() {
    const { listener } = tus()
    const { url } = yield* Servers.http((request, response) =>
      request.method === "PATCH" && Number(request.headers["content-length"]) > limit
        ? void request.socket.destroy()
        : listener(request, response)
    )
    const findings: Array<Finding> = []
    yield* DoctorRun.run(
      { url: `${url}/files`, headers: {}, timeout: Duration.seconds(10), origin: Option.none() },
      (finding) => Effect.sync(() => findings.push(finding))
    ).pipe(Effect.provideServiceEffect(TusTransport, Servers.transport()))
    return findings
  })

describe("a doctor run", () => {
  it.scopedLive("tries smaller bodies if a larger one ends the connection, and reports the size that is accepted", () =>
    Effect.gen(function*() {
      const findings = yield* examined(50 * 1024 ** 2)
      const said = findings.find(({ check }) => check === "size")
      assert.isDefined(said)
      assert.strictEqual(said.level, "problem")
      assert.strictEqual(
        said.message,
        "bodies of 100.0 MiB close the connection without an answer, those of 10.0 MiB are accepted"
      )
    }))

  it.scopedLive("names the step if every body ends the connection, and continues with the others", () =>
    Effect.gen(function*() {
      const findings = yield* examined(0)
      const problems = findings.filter(({ level }) => level === "problem")
      deepStrictEqual(problems.map(({ check }) => check), ["patch"])
      assert.match(problems[0]?.message ?? "", /closed the connection without a response/)
      assert.strictEqual(findings.at(-1)?.check, "delete")
    }))
})
