/**
 * SHA-256 by the platform's own Web Crypto, for a few bytes at once: it cannot go on with a digest it has begun.
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

/** None where there is no Web Crypto: a browser has it only in pages that came by https or from this machine. */
export const digest = (bytes: Uint8Array<ArrayBuffer>): Effect.Effect<Option.Option<Uint8Array>> =>
  Effect.tryPromise(() => globalThis.crypto.subtle.digest("SHA-256", bytes)).pipe(
    Effect.map((digest) => new Uint8Array(digest)),
    Effect.option
  )
