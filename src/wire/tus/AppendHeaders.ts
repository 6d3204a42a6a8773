/**
 * PATCH: bytes for an upload.
 *
 * @see https://tus.io/protocols/resumable-upload#patch
 */
import * as Schema from "effect/Schema"
import type * as Append from "../../protocol/Append.js"
import * as Header from "../Header.js"
import * as BodyHeaders from "./BodyHeaders.js"

/** What the client says. */
export class Request extends Schema.Class<Request>("effect-tus/AppendHeaders/Request")({
  contentType: Header.required("content-type", BodyHeaders.contentType),
  contentEncoding: Header.optional("content-encoding", BodyHeaders.ContentEncoding),
  offset: Header.required("upload-offset", Header.Bytes),
  length: Header.optional("upload-length", Header.Bytes),
  ...BodyHeaders.fields
}) {}

/** What the server answers. */
export class Response extends Schema.Class<Response>("effect-tus/AppendHeaders/Response")({
  offset: Header.required("upload-offset", Header.Bytes),
  expires: Header.optional("upload-expires", Header.HttpDate)
}) {}

/** The request in the words of the rules. */
export const read = (request: Request): Append.Request => ({
  ...BodyHeaders.bodyOf(request),
  offset: request.offset,
  length: request.length
})
