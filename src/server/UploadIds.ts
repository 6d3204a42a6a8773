/**
 * Where fresh ids come from.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import { UploadId } from "../protocol/Upload.js"

/** 128 random bits in hexadecimal: lower case only, so that no file system confuses two of them. */
export class UploadIds extends Context.Reference<UploadIds>()("effect-tus/UploadIds", {
  defaultValue: (): { readonly next: Effect.Effect<UploadId> } => ({
    next: Effect.sync(() => UploadId.make(Encoding.encodeHex(crypto.getRandomValues(new Uint8Array(16)))))
  })
}) {}
