/**
 * `effect-tus resume`: goes on with what the journal says is unfinished.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { resolve } from "node:path"
import * as Connection from "./Connection.js"
import { CommandError } from "./Failure.js"
import * as Files from "./Files.js"
import * as Flags from "./Flags.js"
import type { Job } from "./Job.js"
import * as Journal from "./Journal.js"
import { Output } from "./Output.js"
import * as Text from "./Text.js"
import * as Uploads from "./Uploads.js"

export const command = Command.make("resume", {
  operands: Args.text({ name: "URL|FILE" }).pipe(
    Args.withDescription("The unfinished uploads to go on with; all of them by default."),
    Args.repeated
  ),
  transfer: Flags.transfer,
  connection: Flags.connection,
  journal: Flags.journal,
  mode: Flags.mode,
  debug: Flags.debug
}, ({ connection, journal, mode, operands, transfer }) =>
  Effect.gen(function*() {
    const output = yield* Output
    const remnants = Journal.group(yield* Journal.entries(journal))
    const chosen = yield* choose(remnants, operands)
    const jobs: Array<Job> = []
    for (const remnant of chosen) {
      const job = yield* toJob(remnant)
      if (Option.isSome(job)) {
        jobs.push(job.value)
      } else {
        yield* output.say(`effect-tus: ${Text.clean(remnant.source)} is left out: there is no such file any more`)
      }
    }
    if (jobs.length > 0) {
      return yield* Uploads.run(jobs, { ...transfer, journal, mode })
    }
    if (operands.length > 0) {
      return yield* new CommandError({ message: "none of the files is there any more" })
    }
    yield* output.say("effect-tus: there is nothing to resume")
  }).pipe(
    Effect.provide(Layer.merge(Connection.layer(connection), Journal.layer(journal)))
  )).pipe(Command.withDescription("Goes on with uploads that were interrupted, whatever the directory."))

/** Those that are named, each at least once; all where none is. */
const choose = Effect.fnUntraced(function*(
  remnants: ReadonlyArray<Journal.Remnant>,
  operands: ReadonlyArray<string>
) {
  for (const operand of operands) {
    if (!remnants.some((remnant) => isNamed(remnant, operand))) {
      return yield* new CommandError({
        message: `${Text.clean(operand)} is not among the unfinished uploads; effect-tus list shows them`
      })
    }
  }
  return operands.length === 0
    ? remnants
    : remnants.filter((remnant) => operands.some((operand) => isNamed(remnant, operand)))
})

const isNamed = ({ entries, source }: Journal.Remnant, operand: string) =>
  source === operand || source === resolve(operand) || entries.some(({ url }) => url === operand)

const toJob = Effect.fnUntraced(function*({ endpoint, entries, source }: Journal.Remnant) {
  const fs = yield* FileSystem.FileSystem
  const info = yield* Effect.option(fs.stat(source))
  return Option.map(
    Option.filter(info, ({ type }) => type === "File"),
    (info): Job => ({
      ...Files.file(source, source, Option.some(Number(info.size)), { endpoint, metadata: {} }, {}),
      parts: Journal.partsOf(entries, Number(info.size))
    })
  )
})
