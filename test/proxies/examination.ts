/**
 * What `effect-tus doctor` finds.
 */
import { NodeTransport } from "effect-tus/node-client"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as DoctorRun from "../../src/cli/doctor/DoctorRun.js"
import * as Finding from "../../src/cli/doctor/Finding.js"

export const doctor = Effect.fnUntraced(function*(url: string, origin?: string) {
  const findings: Array<Finding.Finding> = []
  yield* DoctorRun.run(
    { url, headers: {}, timeout: Duration.seconds(30), origin: Option.fromNullable(origin) },
    (finding) => Effect.sync(() => findings.push(finding))
  )
  const found = (level: Finding.Finding["level"]) =>
    findings.filter((finding) => finding.level === level).map(({ check }) => check)
  const said = findings.flatMap((finding) => Finding.lines(finding)).join("\n")
  return { said, problems: found("problem"), notes: found("note"), fine: found("ok") }
}, Effect.provide(NodeTransport.layer({ proxy: false })))
