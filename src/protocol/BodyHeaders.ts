/**
 * What the headers of a request say about the bytes that follow it: how many, of which type, and which digest they
 * have.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Checksum from "./Checksum.js"
import * as Header from "./Header.js"
import type { Policy } from "./Policy.js"
import * as Refusal from "./Refusal.js"
import type { Verification } from "./Transfer.js"

/**
 * The media type of the bytes of an upload. A PATCH with another one is a 415.
 *
 * @see https://tus.io/protocols/resumable-upload#patch
 */
export const octets = "application/offset+octet-stream"

/** Reads the content type of a PATCH. */
export const contentType = Header.mediaType(octets)

const decodeContentType = Schema.decodeOption(contentType)

/** Whether a body of this type goes into an upload. */
export const isOctets = (type: string): boolean => Option.isSome(decodeContentType(type))

/** Any other coding is one that nobody undoes: what is stored would be what it made of the bytes. */
const Chunked = Schema.String.pipe(Schema.pattern(/^chunked$/i, { message: () => "expected chunked" }))

/** What bytes in another coding than `identity` are told. */
export const plain = "expected none but identity: the bytes of an upload are stored as they come"

/** No other coding is undone, and offsets would count what it has made of the bytes. */
export const ContentEncoding = Schema.String.pipe(
  Schema.pattern(/^[\s,]*(?:identity(?:[\s,]+|$))*$/i, { message: () => plain })
)

/** Whether bytes in these codings are the bytes as they are. */
export const isPlain: (codings: string) => boolean = Schema.is(ContentEncoding)

/** The fields about the body that PATCH and POST share. */
export const fields = {
  transferEncoding: Header.optional("transfer-encoding", Chunked),
  contentLength: Header.optional("content-length", Header.Bytes),
  checksum: Header.optional("upload-checksum", Checksum.FromHeader),
  trailer: Header.optional("trailer", Header.tokens)
}

interface Request {
  readonly checksum: Option.Option<Checksum.Checksum>
  readonly trailer: Option.Option<ReadonlyArray<string>>
}

/** Where the digest will come from, or why none can be checked here. */
export const verification = (
  { checksum, trailer }: Request,
  policy: Policy
): Either.Either<Verification, Refusal.InvalidHeader> => {
  if (Option.exists(trailer, (names) => names.some((name) => name.toLowerCase() === "upload-checksum"))) {
    return !policy.extensions.includes("checksum-trailer")
      ? Either.left(invalid("trailer", "expected no Upload-Checksum after the body, this server does not read it"))
      : Option.isSome(checksum)
      ? Either.left(invalid("trailer", "expected Upload-Checksum once, before or after the body"))
      : Either.right({ _tag: "Trailer" })
  }
  return Option.match(checksum, {
    onNone: () => Either.right({ _tag: "None" }),
    onSome: (checksum) => Either.map(offered(checksum, policy), (checksum) => ({ _tag: "Header", checksum }))
  })
}

const decodeChecksum = Schema.decodeUnknownEither(Checksum.FromHeader)

/** The checksum that came after the body, where one was announced. */
export const trailing = (
  trailers: Readonly<Record<string, string | undefined>>,
  policy: Policy
): Either.Either<Checksum.Checksum, Refusal.InvalidHeader> =>
  decodeChecksum(trailers["upload-checksum"]).pipe(
    Either.mapLeft(() =>
      invalid("upload-checksum", "expected after the body, as announced by Trailer; nothing was kept")
    ),
    Either.flatMap((checksum) => offered(checksum, policy))
  )

const offered = (checksum: Checksum.Checksum, { algorithms }: Policy) =>
  algorithms.includes(checksum.algorithm)
    ? Either.right(checksum)
    : Either.left(
      invalid("upload-checksum", `expected one of the algorithms ${algorithms.join(", ")}`, checksum.algorithm)
    )

const invalid = (header: string, reason: string, actual?: string) =>
  new Refusal.InvalidHeader({ header, reason, actual: Option.fromNullable(actual) })
