/**
 * Where an application has its say. Nothing happens by default.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { UploadRejected } from "../protocol/Refusal.js"
import type { Upload } from "../protocol/Upload.js"

export interface Hooks {
  /**
   * Runs when all bytes of an upload are there, before the client is told, and decides whether they are accepted. A
   * failure is stored and answers every later request. Runs once per completion, and again after a crash in the middle:
   * the id of the upload is the key by which a second run is told from a first. Partial uploads do not come here.
   */
  readonly onComplete?: ((upload: Upload) => Effect.Effect<void, UploadRejected>) | undefined
}

export class UploadHooks extends Context.Reference<UploadHooks>()("effect-tus/UploadHooks", {
  defaultValue: (): Hooks => ({})
}) {}
