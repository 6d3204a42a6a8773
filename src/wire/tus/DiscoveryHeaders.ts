/**
 * OPTIONS: what the server can do.
 *
 * @see https://tus.io/protocols/resumable-upload#options
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Policy } from "../../protocol/Policy.js"
import { Bytes } from "../../protocol/Upload.js"
import * as Header from "../Header.js"
import { offeredBy } from "./Extension.js"

/** The version of the protocol; there is only one. */
export const version = "1.0.0"

/** What the server answers. Unknown names are kept, since a client reads the answers of any server. */
export class Response extends Schema.Class<Response>("effect-tus/DiscoveryHeaders/Response")({
  versions: Header.required("tus-version", Header.tokens),
  extensions: Header.optional("tus-extension", Header.tokens),
  maxSize: Header.optional("tus-max-size", Header.Bytes),
  algorithms: Header.optional("tus-checksum-algorithm", Header.tokens)
}) {}

/**
 * The answer under this policy. `Tus-Extension` is left out if there are no extensions, `Tus-Checksum-Algorithm` if
 * `checksum` is not offered.
 */
export const respond = (policy: Policy): Response => {
  const extensions = offeredBy(policy)
  return new Response({
    versions: [version],
    extensions: Option.liftPredicate(extensions, (names) => names.length > 0),
    maxSize: Option.map(policy.maxSize, (bytes) => Bytes.make(bytes)),
    algorithms: extensions.includes("checksum") ? Option.some(policy.algorithms) : Option.none()
  }, { disableValidation: true })
}
