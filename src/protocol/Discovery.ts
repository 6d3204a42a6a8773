/**
 * OPTIONS: what the server can do.
 *
 * @see https://tus.io/protocols/resumable-upload#options
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Header from "./Header.js"
import type { Policy } from "./Policy.js"
import { Bytes } from "./Upload.js"

/** The version of the protocol, the only one there is. */
export const version = "1.0.0"

/** What the server answers. Names that are not known here are kept: a client reads this from any server. */
export class Response extends Schema.Class<Response>("effect-tus/Discovery/Response")({
  versions: Header.required("tus-version", Header.tokens),
  extensions: Header.optional("tus-extension", Header.tokens),
  maxSize: Header.optional("tus-max-size", Header.Bytes),
  algorithms: Header.optional("tus-checksum-algorithm", Header.tokens)
}) {
  readonly status = 204
}

/**
 * The answer under this policy. `Tus-Extension` is left out where there is none, `Tus-Checksum-Algorithm` where
 * `checksum` is not offered.
 */
export const respond = ({ algorithms, extensions, maxSize }: Policy): Response =>
  new Response({
    versions: [version],
    extensions: Option.liftPredicate(extensions, (names) => names.length > 0),
    maxSize: Option.map(maxSize, (bytes) => Bytes.make(bytes)),
    algorithms: extensions.includes("checksum") ? Option.some(algorithms) : Option.none()
  }, { disableValidation: true })
