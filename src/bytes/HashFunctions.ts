/**
 * The hash functions at hand, by the name that tus knows them under. None by default, and then no checksums are
 * offered: the platform's entry brings them.
 */
import * as Context from "effect/Context"
import type { Algorithm } from "../protocol/Checksum.js"

/** A digest in the making. `update` changes it in place, so it is for one fiber alone. */
export interface Hasher {
  readonly update: (bytes: Uint8Array) => void
  /** The same state once more: from here on each of the two knows nothing of the other. Not after `digest`. */
  readonly copy: () => Hasher
  /** Called once, after the last `update`. crc32 and crc32c: four bytes, the most significant first. */
  readonly digest: () => Uint8Array
}

/**
 * What begins a new digest, by algorithm. `NodeHashFunctions.layer` provides those of Node. Without `sha1` a server
 * offers no checksums at all, since tus demands that one.
 */
export class HashFunctions extends Context.Reference<HashFunctions>()("effect-tus/HashFunctions", {
  defaultValue: (): ReadonlyMap<Algorithm, () => Hasher> => new Map()
}) {}
