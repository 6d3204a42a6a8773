/**
 * HEAD: tells how far an upload has come. It takes no lock, so it answers while another request writes.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Inspect from "../../protocol/Inspect.js"
import { UploadStore } from "../../store/UploadStore.js"
import { UploadUrls } from "../hooks/UploadUrls.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

export const make = Effect.fnUntraced(function*({ completion, hooks }: Dependencies) {
  const store = yield* UploadStore
  const urls = yield* UploadUrls

  const verb: Verb<CommandOf<"Inspect">> = ({ id }, { request }) =>
    Effect.gen(function*() {
      const { upload } = yield* store.get(id)
      if (hooks.admits) {
        yield* hooks.admit("Inspect", upload, request.url, request)
      }
      const parts = upload.isOpen ? yield* completion.partsOf(upload) : []
      const shown = urls.areSigned ? upload.withoutQueries() : upload
      const reply = yield* Inspect.decide(shown, parts, yield* DateTime.now)
      const denial = completion.denialOf(upload)
      return Option.isSome(denial) ? yield* denial.value : { reply }
    })
  return verb
})
