/**
 * `effect-tus resume`: resumes the unfinished uploads in the journal.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Connection from "../options/Connection.js"
import * as Flags from "../options/Flags.js"
import * as Journal from "../options/Journal.js"
import * as Place from "../options/Place.js"
import { CommandError } from "../terminal/Failure.js"
import type { Job } from "../terminal/FileUpload.js"
import { Output } from "../terminal/Output.js"
import * as Text from "../terminal/Text.js"
import * as Directory from "./Directory.js"
import * as Files from "./Files.js"
import * as Uploads from "./Uploads.js"

export const command = Command.make("resume", {
  operands: Args.text({ name: "URL|FILE" }).pipe(
    Args.withDescription("The unfinished uploads to resume; all by default."),
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
        yield* output.say(`effect-tus: skipped ${Text.clean(remnant.source)}: the file does not exist any more`)
      }
    }
    if (jobs.length > 0) {
      return yield* Uploads.run(jobs, { ...transfer, journal, mode })
    }
    if (operands.length > 0) {
      return yield* new CommandError({ message: "none of these files exists any more" })
    }
    yield* output.say("effect-tus: there is nothing to resume")
  }).pipe(
    Effect.provide(Layer.merge(Connection.layer(connection), Journal.layer(journal)))
  )).pipe(Command.withDescription("Resumes uploads that were interrupted, from any directory."))

/** The named uploads, of which each must exist; all if none is named. */
const choose = Effect.fnUntraced(function*(
  remnants: ReadonlyArray<Journal.Remnant>,
  operands: ReadonlyArray<string>
) {
  const chosen = new Set<Journal.Remnant>()
  for (const operand of operands) {
    const path = yield* Effect.orElseSucceed(Place.absolute(operand), () => operand)
    const named = remnants.filter((remnant) => isNamed(remnant, operand, path))
    if (named.length === 0) {
      return yield* new CommandError({
        message: `${Text.clean(operand)} is not among the unfinished uploads; effect-tus list shows them`
      })
    }
    named.forEach((remnant) => chosen.add(remnant))
  }
  return operands.length === 0 ? remnants : remnants.filter((remnant) => chosen.has(remnant))
})

const isNamed = ({ entries, source }: Journal.Remnant, operand: string, path: string) =>
  source === operand || source === path || entries.some(({ url }) => url === operand)

const toJob = Effect.fnUntraced(function*({ endpoint, entries, source }: Journal.Remnant) {
  const size = Files.sizeOf(yield* Effect.option(Directory.stat(source)))
  return Option.map(size, (): Job => {
    const job = Files.file(source, source, size, { endpoint, metadata: {} }, {})
    const created = Journal.creationOf(entries)
    return {
      ...job,
      metadata: Option.match(created, { onNone: () => job.metadata, onSome: Journal.metadataOf }),
      checksum: Option.flatMap(created, ({ checksum }) => checksum),
      parts: Option.map(created, ({ parts }) => parts)
    }
  })
})
