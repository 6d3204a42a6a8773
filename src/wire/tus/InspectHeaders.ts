/**
 * HEAD: how far an upload has come.
 *
 * @see https://tus.io/protocols/resumable-upload#head
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Inspected } from "../../protocol/Inspect.js"
import type { Kind } from "../../protocol/Upload.js"
import * as Header from "../Header.js"

/** What the server answers. */
export class Response extends Schema.Class<Response>("effect-tus/InspectHeaders/Response")({
  offset: Header.optional("upload-offset", Header.Bytes),
  length: Header.optional("upload-length", Header.Bytes),
  deferLength: Header.optional("upload-defer-length", Header.literal("1")),
  metadata: Header.optional("upload-metadata", Schema.String),
  concat: Header.optional("upload-concat", Schema.String),
  expires: Header.optional("upload-expires", Header.HttpDate),
  cacheControl: Header.required("cache-control", Schema.Literal("no-store"))
}) {}

/** The fields of the answer. */
export const fieldsOf = ({ expires, kind, length, metadata, offset }: Inspected) => ({
  offset,
  length,
  // A final that is not assembled has no offset, and its length will not be declared.
  deferLength: Option.isNone(length) && Option.isSome(offset) ? deferred : Option.none(),
  metadata,
  concat: concatOf(kind),
  expires,
  cacheControl: "no-store" as const
})

const deferred = Option.some("1" as const)

const concatOf = (kind: Kind): Option.Option<string> => {
  switch (kind._tag) {
    case "Whole":
      return Option.none()
    case "Partial":
      return Option.some("partial")
    case "Final":
      return Option.some(kind.concat)
  }
}
