/**
 * The extensions of tus 1.0.0, and which of them a composition of parts can honestly offer.
 *
 * @see https://tus.io/protocols/resumable-upload#protocol-extensions
 */
import * as Schema from "effect/Schema"

/** The name of an extension, as `Tus-Extension` lists it. */
export const Extension = Schema.Literal(
  "creation",
  "creation-with-upload",
  "creation-defer-length",
  "expiration",
  "checksum",
  "checksum-trailer",
  "termination",
  "concatenation",
  "concatenation-unfinished"
)
export type Extension = typeof Extension.Type

/** What is offered follows from what is there; nobody lists it by hand. */
export const offeredBy = (parts: {
  /** The server forgets unfinished uploads after a while. */
  readonly expires: boolean
  /** The server has hashers: "The Server MUST support at least the SHA1 checksum algorithm". */
  readonly digests: boolean
  /** The door hands on what follows a body. */
  readonly trailers: boolean
}): ReadonlyArray<Extension> =>
  Extension.literals.filter((extension) => {
    switch (extension) {
      case "expiration":
        return parts.expires
      case "checksum":
        return parts.digests
      case "checksum-trailer":
        return parts.digests && parts.trailers
      default:
        return true
    }
  })
