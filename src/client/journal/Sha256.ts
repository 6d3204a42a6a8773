/**
 * SHA-256 of a few bytes at once: by the `HashFunctions` at hand, or else by the platform's own Web Crypto.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as UserCode from "../transport/UserCode.js"

/** None where there is neither: a browser has Web Crypto only in pages that came by https or from this machine. */
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
