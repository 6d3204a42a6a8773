/**
 * The headers that describe the body of a request: length, media type, coding and checksum.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Checksum } from "../../protocol/Checksum.js"
import type { Body, Claim } from "../../protocol/Transfer.js"
import type { Bytes } from "../../protocol/Upload.js"
import * as Header from "../Header.js"
import { FromHeader } from "./ChecksumHeader.js"

/**
 * The media type of the bytes of an upload. A PATCH with another one is refused (415).
 *
 * @see https://tus.io/protocols/resumable-upload#patch
 */
export const octets = "application/offset+octet-stream"

/** Reads the content type of a PATCH. */
export const contentType = Header.mediaType(octets)

const decodeContentType = Schema.decodeOption(contentType)

/** Whether a body of this type goes into an upload. */
export const isOctets = (type: string): boolean => Option.isSome(decodeContentType(type))

/** Nothing decodes other codings, so the encoded bytes would be stored. */
const Chunked = Schema.String.pipe(Schema.pattern(/^chunked$/i, { message: () => "expected chunked" }))

/** The reason to refuse a content coding. */
export const plain = "expected none but identity: the bytes of an upload are stored as they come"

/** Nothing decodes other codings, and offsets would count encoded bytes. */
export const ContentEncoding = Schema.String.pipe(
  Schema.pattern(/^[\s,]*(?:identity(?:[\s,]+|$))*$/i, { message: () => plain })
)

/** Whether these codings leave the bytes as they are. */
export const isPlain: (codings: string) => boolean = Schema.is(ContentEncoding)

/** The fields that PATCH and POST share. */
export const fields = {
  transferEncoding: Header.optional("transfer-encoding", Chunked),
  contentLength: Header.optional("content-length", Header.Bytes),
  checksum: Header.optional("upload-checksum", FromHeader),
  trailer: Header.optional("trailer", Header.tokens)
}

/** Those fields, decoded. */
export interface BodyHeaders {
  readonly contentLength: Option.Option<Bytes>
  readonly checksum: Option.Option<Checksum>
  readonly trailer: Option.Option<ReadonlyArray<string>>
}

/** The body in the words of the rules. tus does not say which bytes are the last. */
export const bodyOf = ({ checksum, contentLength, trailer }: BodyHeaders): Body => ({
  contentLength,
  checksum: claimOf(checksum, trailer),
  isLast: Option.none()
})

const claimOf = (checksum: BodyHeaders["checksum"], trailer: BodyHeaders["trailer"]): Claim =>
  Option.exists(trailer, (names) => names.some((name) => name.toLowerCase() === "upload-checksum"))
    ? Option.isSome(checksum) ? { _tag: "Twice" } : after
    : Option.match(checksum, { onNone: () => none, onSome: (checksum) => ({ _tag: "Before", checksum }) })

const none: Claim = { _tag: "None" }

const decodeChecksum = Schema.decodeUnknownOption(FromHeader)

/** The checksum comes in the trailers. */
const after: Claim = { _tag: "After", read: (trailers) => decodeChecksum(trailers["upload-checksum"]) }
