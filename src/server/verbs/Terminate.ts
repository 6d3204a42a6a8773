/**
 * An upload goes because somebody asks for it: who writes it is stopped first.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Terminate from "../../protocol/Terminate.js"
import type { UploadId } from "../../protocol/Upload.js"
import { UploadLock } from "../../store/UploadLock.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { Application } from "./HookRunner.js"
import * as Removal from "./Removal.js"

export const make = Effect.fnUntraced(function*(application: Application) {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const { terminate } = yield* Removal.make(application)

  return (id: UploadId) =>
    lock.withLock(id, ({ fence }) =>
      Effect.gen(function*() {
        const entry = yield* store.get(id)
        yield* Terminate.decide(entry.upload, yield* DateTime.now)
        yield* terminate(entry, fence)
      }))
})
