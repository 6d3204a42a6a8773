/**
 * Ids and bytes for tests of stores.
 */
import * as Upload from "../protocol/Upload.js"

/** A valid id that ends in `name`. */
export const idOf = (name: string): Upload.UploadId => Upload.UploadId.make(name.padStart(22, "0"))

/** Bytes that count up from `first`, modulo a prime, so that every shift shows. */
export const numbered = (length: number, first = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (first + i) % 251)

/** Overrides the timeout of the test runner: a store may be slow, or far away. Milliseconds. */
export const patience = { timeout: 120_000 }
