/**
 * Why open finals are not assembled, as it was seen last: a part of theirs has not all its bytes, or there is no room
 * for them. Where it is not known, somebody has to look.
 */
import type { Denied } from "../../protocol/Refusal.js"
import type { UploadId } from "../../protocol/Upload.js"

export type Reason =
  | { readonly _tag: "Part"; readonly id: UploadId }
  | { readonly _tag: "Space"; readonly denial: Denied }

/** How many are remembered. */
const capacity = 10_000

export const make = () => {
  const reasons = new Map<UploadId, Reason>()
  return {
    reasonOf: (final: UploadId): Reason | undefined => reasons.get(final),
    remember: (final: UploadId, reason: Reason): void => {
      const [oldest] = reasons.keys()
      if (oldest !== undefined && reasons.size >= capacity) {
        reasons.delete(oldest)
      }
      reasons.set(final, reason)
    },
    forget: (final: UploadId): void => void reasons.delete(final)
  }
}
