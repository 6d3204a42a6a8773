/**
 * An upload goes because somebody asks for it: who writes it is stopped, the application is told, then it is gone for good.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Terminate from "../protocol/Terminate.js"
import type { UploadId } from "../protocol/Upload.js"
import { UploadLock } from "../store/UploadLock.js"
import { UploadStore } from "../store/UploadStore.js"
import type { Application } from "./Application.js"
import { UploadEvents } from "./UploadEvents.js"

export const make = Effect.fnUntraced(function*(application: Application) {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const events = yield* UploadEvents

  return (id: UploadId) =>
    lock.withLock(id, ({ fence }) =>
      Effect.gen(function*() {
        const entry = yield* store.get(id)
        const upload = yield* Terminate.decide(entry.upload, yield* DateTime.now)
        yield* application.terminate(upload)
        yield* Effect.uninterruptible(store.remove(entry, fence))
        yield* events.publish({ _tag: "Terminated", upload })
      }))
})
