/**
 * Where the bytes of an upload go: into the byte store, or into the tail that the registry keeps beside the state.
 */
import * as Context from "effect/Context"
import { isCompleteWithTail, type StoredUpload, tailOf } from "./StoredUpload.js"

/**
 * Where the bytes of small uploads go. `"background"` and `"registry"` need a registry that keeps tails.
 *
 * - `"byteStore"`: into the byte store, like those of every other upload.
 * - `"background"`: into the registry, where one write stores them with the state. The answer does not wait for the
 *   byte store: once an upload is complete, its bytes move there in the background.
 * - `"registry"`: into the registry, for good.
 */
export class SmallUploads extends Context.Reference<SmallUploads>()("effect-tus/SmallUploads", {
  defaultValue: (): Placement => "byteStore"
}) {}

export type Placement = "background" | "byteStore" | "registry"

/**
 * Whether `size` bytes that are there whole become part of the tail, which has `limit` bytes at most. Otherwise the
 * tail and then the new bytes go into the byte store.
 */
export const fits = (entry: StoredUpload, size: number, limit: number): boolean =>
  size > 0 && tailOf(entry) + size <= limit

/**
 * Whether this state may have its tail. An upload that is full lies in one place, and in the byte store if that seals
 * it; a part lies where it can be joined. A hook that decides about a full upload finds it where it stays.
 */
export const mayHaveTail = (entry: StoredUpload, smallUploads: Placement, seals: boolean): boolean =>
  entry.upload.isOpen || tailOf(entry) === 0 ||
  (entry.stored === 0 && !entry.upload.isPartial && !seals &&
    (smallUploads === "registry" || (smallUploads === "background" && isCompleteWithTail(entry))))

/** Whether the tail of this upload has yet to move into the byte store. */
export const isYetToMove = (entry: StoredUpload, smallUploads: Placement): boolean =>
  smallUploads !== "registry" && isCompleteWithTail(entry)
