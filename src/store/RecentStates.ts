/**
 * The latest states, up to a weight. A state weighs one, and one more for each KiB of the answer that is stored with
 * it.
 */
import * as Option from "effect/Option"
import * as FinalAnswer from "../protocol/FinalAnswer.js"
import type { UploadId } from "../protocol/Upload.js"
import type { StoredUpload } from "./StoredUpload.js"

export interface RecentStates {
  readonly find: (id: UploadId) => StoredUpload | undefined
  /** `find`, and the state is among the latest again. */
  readonly use: (id: UploadId) => StoredUpload | undefined
  readonly remember: (entry: StoredUpload) => void
  readonly forget: (id: UploadId) => void
}

/** Two halves, so that no order has to be kept: when one is full, the older one is dropped. */
export const make = (capacity: number): RecentStates => {
  let recent = new Map<UploadId, StoredUpload>()
  let earlier: typeof recent = new Map()
  /** Of `recent`. */
  let weight = 0

  const find = (id: UploadId) => recent.get(id) ?? earlier.get(id)

  const remember = (entry: StoredUpload) => {
    const { id } = entry.upload
    if (capacity < 1 || recent.get(id) === entry) {
      return
    }
    weight += weightOf(entry) - weightOf(recent.get(id))
    recent.set(id, entry)
    if (weight * 2 >= capacity) {
      earlier = recent
      recent = new Map()
      weight = 0
    }
  }

  return {
    find,
    use: (id) => {
      const entry = find(id)
      if (entry !== undefined) {
        remember(entry)
      }
      return entry
    },
    remember,
    forget: (id) => {
      weight -= weightOf(recent.get(id))
      recent.delete(id)
      earlier.delete(id)
    }
  }
}

const weightOf = (entry: StoredUpload | undefined): number => {
  const completion = entry?.upload.completion
  const answer = completion?._tag === "Complete" ? completion.answer : Option.none()
  return entry === undefined
    ? 0
    : 1 + Option.match(answer, { onNone: () => 0, onSome: (answer) => Math.ceil(FinalAnswer.sizeOf(answer) / 1024) })
}
