/**
 * How much space uploads use: for quotas, and for the disk.
 */
import * as Option from "effect/Option"
import type { Upload } from "../protocol/Upload.js"

/** The usage of a set of uploads. */
export interface Usage {
  /** The declared lengths in bytes; for an upload without one, its offset. */
  readonly bytes: number
  /** The number of unfinished uploads. */
  readonly open: number
  /**
   * Declared bytes that have not come yet; for a final, the bytes that are reserved for its assembly.
   */
  readonly outstanding: number
}

/** The usage of one owner, or of all uploads without an owner. */
export interface OwnedUsage extends Usage {
  readonly owner: Option.Option<string>
}

/** The usage of no upload. */
export const nothing: Usage = { bytes: 0, open: 0, outstanding: 0 }

/**
 * The usage of one upload. `upload` is undefined before creation and after removal; `held` are bytes that are reserved
 * for it.
 */
export const ofUpload = (upload: Upload | undefined, held?: number | undefined): Usage => {
  if (upload === undefined) {
    return held === undefined ? nothing : { bytes: held, open: 1, outstanding: held }
  }
  const { isFinal, isOpen, length, offset } = upload
  const bytes = Math.max(Option.getOrElse(length, () => offset), held ?? 0)
  return { bytes, open: isOpen ? 1 : 0, outstanding: isOpen && (!isFinal || held !== undefined) ? bytes - offset : 0 }
}

/** `usage` with `before` replaced by `after`. */
export const replace = (usage: Usage, before: Usage, after: Usage): Usage => ({
  bytes: usage.bytes - before.bytes + after.bytes,
  open: usage.open - before.open + after.open,
  outstanding: usage.outstanding - before.outstanding + after.outstanding
})
