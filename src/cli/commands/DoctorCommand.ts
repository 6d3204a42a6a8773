/**
 * `effect-tus doctor`: what a server and the proxies in front of it can do, and what is wrong.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Struct from "effect/Struct"
import * as DoctorRun from "../doctor/DoctorRun.js"
import * as Exposure from "../doctor/Exposure.js"
import * as Finding from "../doctor/Finding.js"
import * as Connection from "../options/Connection.js"
import * as Flags from "../options/Flags.js"
import { CommandError, Reported } from "../terminal/Failure.js"
import * as Json from "../terminal/Json.js"
import { Output } from "../terminal/Output.js"

export const command = Command.make("doctor", {
  target: Args.text({ name: "URL" }).pipe(
    Args.withDescription(
      "The URL at which uploads are created, as clients see it; or the directory of a server, to see who can read it."
    )
  ),
  origin: Flags.parsed(
    "origin",
    "ORIGIN",
    "an origin such as https://example.org",
    (text) => Flags.isUrl(text) && new URL(text).origin === text ? Option.some(text) : Option.none()
  ).pipe(
    Options.optional,
    Options.withDescription(
      "The origin of pages that should be able to upload; by default any origin, with https://example.org as the example."
    )
  ),
  connection: Options.all(Struct.omit(Flags.connection, "methodOverride", "requestId")),
  json: Flags.json,
  debug: Flags.debug
}, ({ connection, json, origin, target }) =>
  Effect.gen(function*() {
    const output = yield* Output
    const findings: Array<Finding.Finding> = []
    const columns = output.seen ? output.columns - 1 : undefined
    const tell = (finding: Finding.Finding) => {
      findings.push(finding)
      return json
        ? output.raw(Json.print(Finding.facts(finding)))
        : Effect.forEach(Finding.lines(finding, columns, output.paintResult), output.result, { discard: true })
    }
    yield* Flags.isUrl(target)
      ? DoctorRun.run({ url: target, origin, headers: connection.headers, timeout: connection.timeout }, tell)
      : Exposure.examine(target).pipe(
        Effect.mapError((cause) =>
          new CommandError({
            message: `${target}: expected a URL that begins with http:// or https://, or a readable directory`,
            cause
          })
        ),
        Effect.flatMap(tell)
      )
    if (!json) {
      yield* output.say(`effect-tus: ${Finding.summary(findings)}`)
    }
    if (findings.some(({ level }) => level === "problem")) {
      return yield* new Reported()
    }
  }).pipe(Effect.provide(Connection.transport(connection)))).pipe(
    Command.withDescription("Shows what a server and the proxies in front of it can do, and what is wrong.")
  )
