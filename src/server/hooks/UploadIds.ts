/**
 * Where fresh ids come from.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import { UploadId } from "../../protocol/Upload.js"

const bytes = 16

/** Asking for the bytes of one id takes as long as asking for those of many. */
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

/** 128 random bits in hexadecimal: lower case only, so that no file system confuses two of them. */
export class UploadIds extends Context.Reference<UploadIds>()("effect-tus/UploadIds", {
  defaultValue: (): { readonly next: Effect.Effect<UploadId> } => ({ next: random() })
}) {}
