/**
 * The extensions of tus 1.0.0, and which of them a policy offers.
 *
 * @see https://tus.io/protocols/resumable-upload#protocol-extensions
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Policy } from "../../protocol/Policy.js"

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

/** The extensions that a policy offers. They follow from the policy, so nobody has to list them. */
export const offeredBy = ({ algorithms, expiresAfter, trailers }: Policy): ReadonlyArray<Extension> => {
  // "The Server MUST support at least the SHA1 checksum algorithm".
  const checksums = algorithms.includes("sha1")
  return Extension.literals.filter((extension) => {
    switch (extension) {
      case "expiration":
        return Option.isSome(expiresAfter)
      case "checksum":
        return checksums
      case "checksum-trailer":
        return checksums && trailers
      default:
        return true
    }
  })
}
