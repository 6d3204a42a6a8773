/**
 * `effect-tus terminate`: removes uploads from their server, and from the journal.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { UploadJournal } from "../../client/journal/UploadJournal.js"
import * as TusUpload from "../../client/upload/TusUpload.js"
import * as Connection from "../options/Connection.js"
import * as Flags from "../options/Flags.js"
import * as Journal from "../options/Journal.js"
import { Reported, sentence } from "../terminal/Failure.js"
import { Output } from "../terminal/Output.js"
import * as Text from "../terminal/Text.js"
import * as Uploads from "./Uploads.js"

export const command = Command.make("terminate", {
  urls: Flags.url.pipe(Args.withDescription("The URLs of uploads."), Args.atLeast(1)),
  connection: Flags.connection,
  retry: Flags.retry,
  journal: Flags.journal,
  debug: Flags.debug
}, ({ connection, journal, retry, urls }) =>
  Effect.gen(function*() {
    const output = yield* Output
    const { list, remove } = yield* UploadJournal
    let failed = false
    for (const url of urls) {
      const answer = yield* Effect.either(
        TusUpload.terminate(url, { retry: Uploads.schedule(retry) })
      )
      if (Either.isLeft(answer)) {
        failed = true
        yield* output.say(`effect-tus: ${sentence(answer.left)}`)
        yield* Effect.logDebug(url, Cause.fail(answer.left))
      } else {
        yield* Effect.flatMap(list, (entries) => Effect.forEach(entries.filter((entry) => entry.url === url), remove))
        yield* output.say(`removed ${Text.clean(url)}`)
      }
    }
    if (failed) {
      return yield* new Reported()
    }
  }).pipe(
    Effect.provide(Layer.merge(Connection.layer(connection), Journal.layerIfAny(journal)))
  )).pipe(Command.withDescription("Removes uploads from the server. An upload that does not exist counts as removed."))
