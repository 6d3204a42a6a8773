/**
 * HEAD: tells how far an upload has come. It takes no lock, so it answers while another request writes; if that one is
 * in this process, it commits what has arrived first. Otherwise it answers at once if the state is in memory.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Inspect from "../../protocol/Inspect.js"
import type { UploadId } from "../../protocol/Upload.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import * as UploadStore from "../../store/UploadStore.js"
import * as Known from "../../time/Known.js"
import { UploadUrls } from "../hooks/UploadUrls.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

export const make = Effect.fnUntraced(function*({ completion, hooks, running }: Dependencies) {
  const store = yield* UploadStore.UploadStore
  const urls = yield* UploadUrls

  /** The state is read again if that of before is old: a hook has taken its time, or a body has been committed. */
  const getFlushed = (id: UploadId, recent: StoredUpload | undefined) => {
    const flush = running.flush(id)
    return flush !== undefined
      ? Effect.zipRight(flush, store.get(id))
      : recent === undefined
      ? UploadStore.current(store, id)
      : Exit.succeed(recent)
  }

  const verb: Verb<CommandOf<"Inspect">> = ({ id }, { now, request }) =>
    Known.flatMap(
      UploadStore.current(store, id),
      (found) => {
        const admitted = hooks.admit("Inspect", found.upload, request.url, request)
        const recent = Known.exit(admitted) === undefined ? undefined : found
        return Known.flatMap(admitted, () =>
          Known.flatMap(getFlushed(id, recent), ({ upload }) =>
            Known.flatMap(completion.partsOf(upload), (parts) => {
              const shown = urls.areSigned ? upload.withoutQueries() : upload
              return Known.flatMap(Exit.fromEither(Inspect.decide(shown, parts, now())), (reply) =>
                Option.match(completion.denialOf(upload), {
                  onNone: () =>
                    Exit.succeed({ reply }),
                  onSome: Exit.fail
                }))
            })))
      }
    )
  return verb
})
