/**
 * DELETE: removes an upload for good. A request that writes to it is stopped first.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Terminate from "../../protocol/Terminate.js"
import type { UploadId } from "../../protocol/Upload.js"
import { UploadLock } from "../../store/UploadLock.js"
import { UploadStore } from "../../store/UploadStore.js"
import * as Known from "../../time/Known.js"
import * as HookRunner from "./HookRunner.js"
import * as Removal from "./Removal.js"
import * as Unlocked from "./Unlocked.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

/** Removes an upload whose client, or administrator, asks for it. */
export const terminator = Effect.fnUntraced(function*(hooks: HookRunner.HookRunner) {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const { terminate } = yield* Removal.make(hooks)

  return (id: UploadId) =>
    lock.withLock(id, ({ fence }) =>
      Effect.gen(function*() {
        const entry = yield* store.claim(id, fence)
        yield* Terminate.decide(entry.upload, yield* DateTime.now)
        yield* terminate(entry)
      }))
})

export const make = Effect.fnUntraced(function*({ hooks }: Dependencies) {
  const store = yield* UploadStore
  const terminate = yield* terminator(hooks)
  const admit = HookRunner.admitter(hooks, store)
  const refusalOf = Unlocked.make(store, yield* UploadLock)

  const verb: Verb<CommandOf<"Terminate">> = ({ id }, { now, request }) =>
    Known.flatMap(
      admit("Terminate", id, request),
      () =>
        refusalOf(id, (upload) => Terminate.decide(upload, now())) ??
          Effect.as(terminate(id), { reply: Terminate.respond })
    )
  return verb
})
