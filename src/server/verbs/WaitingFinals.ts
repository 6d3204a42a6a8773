/**
 * Why open finals are not assembled, as of the last attempt: a part is not complete, or there is no space. A final
 * without a known reason has to be tried.
 */
import type { Denied } from "../../protocol/Refusal.js"
import type { UploadId } from "../../protocol/Upload.js"

export type Reason =
  | { readonly _tag: "Part"; readonly id: UploadId }
  | { readonly _tag: "Space"; readonly denial: Denied }

/** How many finals are remembered. */
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
