/**
 * Bugs in what becomes of the bytes beside the states.
 */
import { Pull } from "effect-tus"
import * as Effect from "effect/Effect"
import { later, type Mutants } from "./Mutants.js"
import type { Story } from "./Story.js"

const where = ({ smallUploads }: Story) => smallUploads !== "byteStore"

export const tails: Mutants = {
  "counts bytes that wait for the commit, and does not store them": {
    where,
    store: (store) => ({ ...store, commit: (entry, next) => store.commit(entry, next) })
  },

  "removes a tail before it is in the byte store": {
    where,
    bytes: (bytes) => ({
      ...bytes,
      append: (id, place, pull, onWritten) =>
        Pull.isWhole(pull)
          ? Effect.as(
            later(bytes.append(id, place, pull, () => Effect.void)),
            place.at + Pull.sizeOf(pull.bytes)
          )
          : bytes.append(id, place, pull, onWritten)
    })
  },

  "takes the tail that has moved for synced": {
    where,
    registry: (registry) => ({
      ...registry,
      commit: (entry, next, options) =>
        registry.commit(
          entry,
          next,
          entry.stored < entry.upload.offset && options.tail === undefined
            ? { ...options, synced: Math.max(entry.synced, options.synced ?? 0) }
            : options
        )
    })
  }
}
