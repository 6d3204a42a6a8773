/**
 * What a client can ask for, in the words of the rules. A dialect decodes it from an HTTP request.
 */
import * as Data from "effect/Data"
import type * as Append from "./Append.js"
import * as Create from "./Create.js"
import type * as Download from "./Download.js"
import type { UploadId } from "./Upload.js"

/** A decoded request: one member for each verb. The upload may or may not exist. */
export type Command = Data.TaggedEnum<{
  Discover: {}
  /** `collection` is the path or the URL of the collection, as the client sees it. */
  Create: { readonly collection: string; readonly request: Create.Request }
  Download: { readonly id: UploadId; readonly request: Download.Request }
  Inspect: { readonly id: UploadId }
  Append: { readonly id: UploadId; readonly request: Append.Request }
  Terminate: { readonly id: UploadId }
}>

export const Command = Data.taggedEnum<Command>()

/** Whether the body of the request goes into an upload. */
export const takesBody = (command: Command): boolean =>
  command._tag === "Append" || (command._tag === "Create" && Create.bringsBytes(command.request))
