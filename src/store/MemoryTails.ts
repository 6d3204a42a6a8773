/**
 * The tails of uploads in a Map.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { concat } from "../bytes/Pull.js"
import type { UploadId } from "../protocol/Upload.js"
import { isBesideState, type StoredUpload, tailOf, type WriteOptions } from "./StoredUpload.js"
import type { Tails } from "./UploadRegistry.js"

export const limit = 64 * 1024

export const make = (entries: ReadonlyMap<UploadId, StoredUpload>) => {
  const tails = new Map<UploadId, Uint8Array>()

  /** The tail of `entry`, which follows a state with `stored` bytes in the byte store. */
  const put = (stored: number, entry: StoredUpload, { tail }: Pick<WriteOptions, "tail">): void => {
    const { id, offset } = entry.upload
    const bytes = concat([tails.get(id) ?? nothing, tail ?? nothing]).slice(entry.stored - stored, offset - stored)
    if (bytes.length !== tailOf(entry) || bytes.length > limit) {
      throw new Error(`expected a tail of ${tailOf(entry)} bytes for ${id}, got ${bytes.length}; the limit is ${limit}`)
    }
    tails.set(id, bytes)
  }

  const read: Tails["read"] = (id) =>
    Effect.sync(() =>
      Option.map(Option.fromNullable(entries.get(id)), ({ stored }) => ({
        at: stored,
        pieces: [tails.get(id) ?? nothing]
      }))
    )

  const whole: Tails["whole"] = (ids) =>
    Effect.sync(() => ids.filter((id) => Option.exists(Option.fromNullable(entries.get(id)), isBesideState)))

  return { put, remove: (id: UploadId) => tails.delete(id), tails: { limit, read, whole } }
}

const nothing = new Uint8Array()
