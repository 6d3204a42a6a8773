/**
 * A chunk of a source as the body of a request, with its checksum in a header or a trailer.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Hasher } from "../../bytes/HashFunctions.js"
import { type Algorithm, Checksum } from "../../protocol/Checksum.js"
import * as Known from "../../time/Known.js"
import * as UploadSource from "../sources/UploadSource.js"
import { Unsupported } from "../transport/TusError.js"
import * as UserCode from "../transport/UserCode.js"
import { type Capabilities, has, lacks } from "./Endpoint.js"
import type { Chunk } from "./Request.js"

/** Where the checksum of a chunk is sent. */
export type ChecksumMode =
  | { readonly _tag: "None" }
  | { readonly _tag: "Header" | "Trailer"; readonly algorithm: Algorithm; readonly hasher: () => Hasher }

export const unchecked: ChecksumMode = { _tag: "None" }

/**
 * The mode for `algorithm`, if the server and this client both support it. A trailer is preferred, since the source is
 * then read only once.
 */
export const modeOf = (
  url: string,
  algorithm: Algorithm,
  capabilities: Capabilities,
  trailers: boolean
): Effect.Effect<ChecksumMode, Unsupported> =>
  Effect.flatMap(UserCode.hashFunctions, (digests) => {
    const hasher = digests.get(algorithm)
    if (hasher === undefined) {
      return new Unsupported({
        url,
        extension: "checksum",
        detail: `this client has no ${algorithm}; provide HashFunctions`
      })
    }
    return lacks(capabilities, "checksum") || (capabilities.isDeclared && !capabilities.algorithms.includes(algorithm))
      ? new Unsupported({
        url,
        extension: "checksum",
        detail: has(capabilities, "checksum")
          ? `the server has no ${algorithm}; choose one of ${capabilities.algorithms.join(", ")}`
          : "the server does not verify checksums; leave out the checksum"
      })
      : Effect.succeed({
        _tag: trailers && has(capabilities, "checksum-trailer") ? "Trailer" : "Header",
        algorithm,
        hasher
      })
  })

export interface Listeners {
  /** Bytes that are about to be sent. */
  readonly observe: (offset: number, bytes: Uint8Array) => void
  /** All bytes have been read. A transport that buffers a body has sent none of them so far. */
  readonly observed: Effect.Effect<void>
  readonly onSent: (bytes: number) => void
}

/** At most this many bytes are read before their request begins, and known from then on. */
const few = 64 * 1024

export const make = (
  source: UploadSource.UploadSource,
  offset: number,
  length: number,
  mode: ChecksumMode,
  listeners: Listeners
): Effect.Effect<Chunk, UploadSource.SourceError> => {
  const { observe, observed, onSent } = listeners
  if (source.bytes !== undefined && length <= few) {
    return Known.flatMap(source.bytes(offset, length), (bytes) => {
      observe(offset, bytes)
      return Known.map(observed, () => known(bytes, mode, onSent))
    })
  }
  const open = (each: (bytes: Uint8Array) => void) =>
    Effect.map(source.read(offset, length), ({ close, pull }) => {
      let position = offset
      const seen = Effect.map(pull, (batch) => {
        for (const bytes of batch) {
          each(bytes)
          observe(position, bytes)
          position += bytes.length
        }
        return batch
      })
      return {
        pull: seen,
        close: (exit: Exit.Exit<unknown, unknown>) =>
          Exit.isSuccess(exit) ? Effect.zipRight(close(exit), observed) : close(exit)
      }
    })
  if (mode._tag === "None") {
    return Effect.succeed({ length, open: open(() => {}), checksum: Option.none(), onSent })
  }
  const hasher = mode.hasher()
  const checksum = () => new Checksum({ algorithm: mode.algorithm, digest: hasher.digest() })
  return mode._tag === "Trailer"
    ? Effect.succeed({ length, open: open((bytes) => hasher.update(bytes)), checksum, onSent })
    : Effect.map(
      UploadSource.forEach(source, offset, length, (bytes) => hasher.update(bytes)),
      () => ({ length, open: open(() => {}), checksum: Option.some(checksum()), onSent })
    )
}

/** Bytes that need no reading. Their checksum is known before they are sent. */
const known = (bytes: Uint8Array, mode: ChecksumMode, onSent: Chunk["onSent"]): Chunk => {
  const hasher = mode._tag === "None" ? undefined : mode.hasher()
  hasher?.update(bytes)
  return {
    length: bytes.length,
    bytes,
    open: Effect.suspend(() => UploadSource.fromBytes(bytes).read(0, bytes.length)),
    checksum: mode._tag === "None" || hasher === undefined
      ? Option.none()
      : Option.some(new Checksum({ algorithm: mode.algorithm, digest: hasher.digest() })),
    onSent
  }
}
