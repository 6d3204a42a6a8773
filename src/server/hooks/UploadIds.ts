/**
 * The source of new upload ids.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import { UploadId } from "../../protocol/Upload.js"

const bytes = 16

/** One call for the bytes of many ids takes as long as a call for one. */
const poolSize = 256

const random = () => {
  const pool = new Uint8Array(poolSize * bytes)
  let next = pool.length
  return Effect.sync(() => {
    if (next === pool.length) {
      crypto.getRandomValues(pool)
      next = 0
    }
    return UploadId.make(Encoding.encodeHex(pool.subarray(next, next += bytes)))
  })
}

/** 128 random bits as lower-case hexadecimal digits, so that no file system confuses two ids. */
export class UploadIds extends Context.Reference<UploadIds>()("effect-tus/UploadIds", {
  defaultValue: (): { readonly next: Effect.Effect<UploadId> } => ({ next: random() })
}) {}
