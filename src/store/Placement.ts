/**
 * Where the bytes of an upload go: into the byte store, or into the tail that the registry keeps beside the state.
 */
import * as Context from "effect/Context"
import { type StoredUpload, tailOf } from "./StoredUpload.js"

/**
 * Where the bytes of small uploads stay.
 *
 * - `"byteStore"`: in the byte store, like those of every other upload.
 * - `"registry"`: in the registry, if it keeps tails: one write stores them with the state.
 */
export class SmallUploads extends Context.Reference<SmallUploads>()("effect-tus/SmallUploads", {
  defaultValue: (): "byteStore" | "registry" => "byteStore"
}) {}

/**
 * Whether `size` bytes that are there whole become part of the tail, which has `limit` bytes at most. Otherwise the
 * tail and then the new bytes go into the byte store.
 */
export const fits = (entry: StoredUpload, size: number, limit: number): boolean =>
  size > 0 && tailOf(entry) + size <= limit

/**
 * Whether this state may have its tail. An upload that is full lies in one place, and in the byte store if that seals
 * it; a part lies where it can be joined.
 */
export const mayHaveTail = (entry: StoredUpload, seals: boolean): boolean =>
  entry.upload.isOpen || tailOf(entry) === 0 || (entry.stored === 0 && !entry.upload.isPartial && !seals)
