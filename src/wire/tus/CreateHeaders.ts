/**
 * POST: a new upload.
 *
 * @see https://tus.io/protocols/resumable-upload#creation
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Create from "../../protocol/Create.js"
import * as Metadata from "../../protocol/Metadata.js"
import * as Header from "../Header.js"
import type { InvalidHeader } from "../HttpRefusal.js"
import * as BodyHeaders from "./BodyHeaders.js"
import * as ConcatHeader from "./ConcatHeader.js"

/** What the client says. */
export class Request extends Schema.Class<Request>("effect-tus/CreateHeaders/Request")({
  length: Header.optional("upload-length", Header.Bytes),
  deferLength: Header.optional("upload-defer-length", Header.literal("1")),
  metadata: Header.optional("upload-metadata", Metadata.Raw),
  concat: Header.optional("upload-concat", ConcatHeader.FromHeader),
  contentType: Header.optional("content-type", Schema.String),
  contentEncoding: Header.optional("content-encoding", Schema.String),
  ...BodyHeaders.fields
}) {}

/** What the server answers; the offset only if the request had bytes. */
export class Response extends Schema.Class<Response>("effect-tus/CreateHeaders/Response")({
  location: Header.required("location", Schema.String),
  offset: Header.optional("upload-offset", Header.Bytes),
  expires: Header.optional("upload-expires", Header.HttpDate)
}) {}

/** The request in the words of the rules. Fails if a part of a final is not in this collection. */
export const read = (request: Request, collection: string): Either.Either<Create.Request, InvalidHeader> =>
  Either.map(ConcatHeader.kindOf(request.concat, collection), (kind) => ({
    ...BodyHeaders.bodyOf(request),
    dialect: "tus",
    length: request.length,
    isDeferred: Option.isSome(request.deferLength),
    metadata: request.metadata,
    kind,
    brings: bringsOf(request)
  }))

/**
 * A body of another media type is refused. Without a body, its type and its coding are ignored.
 */
const bringsOf = ({ contentEncoding, contentLength, contentType, transferEncoding }: Request): Create.Brings => {
  if (!Option.exists(contentType, BodyHeaders.isOctets)) {
    return Option.exists(contentLength, (n) => n > 0) || Option.isSome(transferEncoding)
      ? { _tag: "Other", about: "type", expected: otherType, actual: contentType }
      : nothing
  }
  return Option.exists(contentEncoding, (codings) => !BodyHeaders.isPlain(codings))
    ? { _tag: "Other", about: "coding", expected: BodyHeaders.plain, actual: contentEncoding }
    : bytes
}

const nothing: Create.Brings = { _tag: "Nothing" }
const bytes: Create.Brings = { _tag: "Bytes" }
const otherType = `expected ${BodyHeaders.octets} for a body that comes along`
