/**
 * What uploads take of the room there is: for a quota, and for the disk.
 */
import * as Option from "effect/Option"
import type { Upload } from "../protocol/Upload.js"

/** What some uploads take together. */
export interface Usage {
  /** Bytes: of each upload those that it has announced, or those that it has where it has not said. */
  readonly bytes: number
  /** How many uploads are unfinished. */
  readonly open: number
  /**
   * Bytes that unfinished ones have announced and that have not come; of a final those that are held for it to be
   * assembled.
   */
  readonly outstanding: number
}

/** Of one owner, or of all uploads that have none. */
export interface OwnedUsage extends Usage {
  readonly owner: Option.Option<string>
}

/** What no upload at all takes: where a sum begins. */
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

/** The usage with one thing in the place of another. */
export const replace = (usage: Usage, before: Usage, after: Usage): Usage => ({
  bytes: usage.bytes - before.bytes + after.bytes,
  open: usage.open - before.open + after.open,
  outstanding: usage.outstanding - before.outstanding + after.outstanding
})
