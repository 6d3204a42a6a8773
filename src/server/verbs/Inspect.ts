/**
 * HEAD: tells how far an upload has come. It takes no lock, so it answers while another request writes; if that one is
 * in this process, it commits what has arrived first. Otherwise it answers at once if the state is in memory.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Inspect from "../../protocol/Inspect.js"
import type { UploadId } from "../../protocol/Upload.js"
import * as UploadStore from "../../store/UploadStore.js"
import * as Known from "../../time/Known.js"
import { UploadUrls } from "../hooks/UploadUrls.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

export const make = Effect.fnUntraced(function*({ completion, hooks, running }: Dependencies) {
  const store = yield* UploadStore.UploadStore
  const urls = yield* UploadUrls

  const getFlushed = (id: UploadId) => {
    const flush = running.flush(id)
    return flush === undefined ? UploadStore.current(store, id) : Effect.zipRight(flush, store.get(id))
  }

  const verb: Verb<CommandOf<"Inspect">> = ({ id }, { now, request }) =>
    Known.flatMap(
      UploadStore.current(store, id),
      (found) =>
        Known.flatMap(hooks.admit("Inspect", found.upload, request.url, request), () =>
          Known.flatMap(getFlushed(id), ({ upload }) =>
            Known.flatMap(completion.partsOf(upload), (parts) => {
              const shown = urls.areSigned ? upload.withoutQueries() : upload
              return Known.flatMap(Exit.fromEither(Inspect.decide(shown, parts, now())), (reply) =>
                Option.match(completion.denialOf(upload), {
                  onNone: () =>
                    Exit.succeed({ reply }),
                  onSome: Exit.fail
                }))
            })))
    )
  return verb
})
