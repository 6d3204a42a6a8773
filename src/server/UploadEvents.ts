/**
 * What has happened to uploads, told after it was committed. Nobody listens by default.
 */
import * as Context from "effect/Context"
import type * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { Upload } from "../protocol/Upload.js"

export type Event = Data.TaggedEnum<{
  Created: { readonly upload: Upload }
  /** `location` is where a person finds the bytes. */
  Completed: { readonly upload: Upload; readonly location: Option.Option<string> }
  Terminated: { readonly upload: Upload }
  Expired: { readonly upload: Upload }
}>

export class UploadEvents extends Context.Reference<UploadEvents>()("effect-tus/UploadEvents", {
  defaultValue: (): { readonly publish: (event: Event) => Effect.Effect<void> } => ({ publish: () => Effect.void })
}) {}
