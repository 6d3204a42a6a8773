/**
 * HEAD: tells how far an upload has come. It takes no lock, so it answers while another request writes, and at once if
 * its state is in memory.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Inspect from "../../protocol/Inspect.js"
import { UploadStore } from "../../store/UploadStore.js"
import * as Known from "../../time/Known.js"
import { UploadUrls } from "../hooks/UploadUrls.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

export const make = Effect.fnUntraced(function*({ completion, hooks }: Dependencies) {
  const store = yield* UploadStore
  const urls = yield* UploadUrls

  const verb: Verb<CommandOf<"Inspect">> = ({ id }, { now, request }) =>
    Known.flatMap(
      store.get(id),
      ({ upload }) =>
        Known.flatMap(hooks.admit("Inspect", upload, request.url, request), () =>
          Known.flatMap(completion.partsOf(upload), (parts) => {
            const shown = urls.areSigned ? upload.withoutQueries() : upload
            return Known.flatMap(Exit.fromEither(Inspect.decide(shown, parts, now())), (reply) =>
              Option.match(completion.denialOf(upload), {
                onNone: () =>
                  Exit.succeed({ reply }),
                onSome: Exit.fail
              }))
          }))
    )
  return verb
})
