/**
 * Removes an upload, because a client asks for it or because it has expired: the hook runs, the state and the bytes are
 * removed, and the event is published. The caller has claimed it.
 */
import * as Effect from "effect/Effect"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import { UploadEvents } from "../hooks/UploadEvents.js"
import type { HookRunner } from "./HookRunner.js"

export const make = Effect.fnUntraced(function*(hooks: HookRunner) {
  const store = yield* UploadStore
  const events = yield* UploadEvents

  const remove = (entry: StoredUpload, _tag: "Expired" | "Terminated") =>
    Effect.zipRight(
      Effect.uninterruptible(store.remove(entry, { by: _tag === "Terminated" ? "client" : "server" })),
      events.publish({ _tag, upload: entry.upload })
    )

  return {
    /** Fails with the refusal of the hook. */
    terminate: (entry: StoredUpload) => Effect.zipRight(hooks.terminate(entry.upload), remove(entry, "Terminated")),
    expire: (entry: StoredUpload) => Effect.zipRight(hooks.expire(entry.upload), remove(entry, "Expired"))
  }
})
