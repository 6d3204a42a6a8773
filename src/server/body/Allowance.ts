/**
 * How many bytes an upload may have for now. `UploadLimits` grants it; `BoundedBody` asks for more when it is used up.
 */
import * as Effect from "effect/Effect"
import type { Denied } from "../../protocol/Refusal.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"

/** A number of bytes, and the way to get more of them. */
export interface Allowance {
  /** Bytes of the whole upload, those that are stored already included. */
  readonly size: number
  /** Asks for a larger allowance once `stored` bytes use this one up. `Denied` answers a body that has more bytes. */
  readonly more: (stored: number) => Effect.Effect<Allowance, Denied | UploadStoreError>
}

/** No limit. */
export const unlimited: Allowance = { size: Infinity, more: () => Effect.succeed(unlimited) }
