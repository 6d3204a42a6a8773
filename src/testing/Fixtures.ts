/**
 * Ids and bytes to test stores with.
 */
import * as Upload from "../protocol/Upload.js"

/** A valid id that ends in `name`. */
export const idOf = (name: string): Upload.UploadId => Upload.UploadId.make(name.padStart(22, "0"))

/** Bytes that count on from `first`, so that each shift shows: 251 is prime. */
export const numbered = (length: number, first = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (first + i) % 251)

/** Whatever the limit is of who runs it: a store may be slow, or far away. Milliseconds. */
export const patience = { timeout: 120_000 }
