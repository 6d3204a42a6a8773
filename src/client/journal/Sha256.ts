/**
 * SHA-256 of a few bytes, by `HashFunctions` or else by Web Crypto.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as UserCode from "../transport/UserCode.js"

/** Option.none if there is neither. Browsers have Web Crypto only in pages from https or from this machine. */
export const digest = (bytes: Uint8Array<ArrayBuffer>): Effect.Effect<Option.Option<Uint8Array>> =>
  Effect.flatMap(UserCode.hashFunctions, (digests) => {
    const hasher = digests.get("sha256")?.()
    if (hasher === undefined) {
      return Effect.option(
        Effect.tryPromise(async () => new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", bytes)))
      )
    }
    hasher.update(bytes)
    return Effect.succeed(Option.some(hasher.digest()))
  })
