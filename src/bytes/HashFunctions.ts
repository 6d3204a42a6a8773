/**
 * The hash functions of the platform, by their tus names. None by default; then no checksums are offered.
 */
import * as Context from "effect/Context"
import type { Algorithm } from "../protocol/Checksum.js"

/** A running hash. `update` changes it in place, so only one fiber may use it. */
export interface Hasher {
  readonly update: (bytes: Uint8Array) => void
  /** An independent copy of its state. Not after `digest`. */
  readonly copy: () => Hasher
  /** Called once, after the last `update`. crc32 and crc32c: four bytes, the most significant first. */
  readonly digest: () => Uint8Array
}

/**
 * Starts a hash, by algorithm. `NodeHashFunctions.layer` provides those of Node. Without `sha1` a server offers no
 * checksums, since tus requires it.
 */
export class HashFunctions extends Context.Reference<HashFunctions>()("effect-tus/HashFunctions", {
  defaultValue: (): ReadonlyMap<Algorithm, () => Hasher> => new Map()
}) {}
