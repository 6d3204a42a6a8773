/**
 * POST: create an upload, whole, as a part, or as the concatenation of parts; the first bytes may come along.
 *
 * @see https://tus.io/protocols/resumable-upload#creation
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as BodyHeaders from "./BodyHeaders.js"
import * as Concat from "./Concat.js"
import * as Header from "./Header.js"
import * as Metadata from "./Metadata.js"
import { expiryAt, type Policy } from "./Policy.js"
import * as Refusal from "./Refusal.js"
import * as Transfer from "./Transfer.js"
import { type Amendments, Bytes, type Kind, Upload, type UploadId } from "./Upload.js"

/** What the client says. */
export class Request extends Schema.Class<Request>("effect-tus/Create/Request")({
  length: Header.optional("upload-length", Header.Bytes),
  deferLength: Header.optional("upload-defer-length", Header.literal("1")),
  metadata: Header.optional("upload-metadata", Metadata.Raw),
  concat: Header.optional("upload-concat", Concat.FromHeader),
  contentType: Header.optional("content-type", Schema.String),
  contentEncoding: Header.optional("content-encoding", Schema.String),
  ...BodyHeaders.fields
}) {
  /** The first bytes of the upload come with its creation. */
  get withUpload(): boolean {
    return Option.exists(this.contentType, BodyHeaders.isOctets)
  }
}

/** What the server answers. The offset is told when bytes came along. */
export class Response extends Schema.Class<Response>("effect-tus/Create/Response")({
  location: Header.required("location", Schema.String),
  offset: Header.optional("upload-offset", Header.Bytes),
  expires: Header.optional("upload-expires", Header.HttpDate)
}) {
  readonly status = 201
}

/** What is known besides the request: a fresh id, the path that was posted to, and the parts that a final names. */
export interface Given {
  readonly id: UploadId
  readonly parts: ReadonlyArray<Upload>
  readonly now: DateTime.Utc
}

/** The upload to create and what to do with the bytes that come along. */
export interface Decision {
  readonly upload: Upload
  readonly plan: Option.Option<Transfer.Plan>
}

/** The parts that have to be looked up before `decide`. */
export const partsOf = (
  { concat }: Request,
  collection: string
): Either.Either<ReadonlyArray<Concat.Part>, Refusal.InvalidHeader> =>
  Option.isSome(concat) && concat.value._tag === "Final"
    ? Concat.partsOf(concat.value, collection)
    : Either.right([])

/** The upload to create, or the reason not to; reasons are tried in the order they win. */
export const decide = (
  request: Request,
  { id, now, parts }: Given,
  policy: Policy
): Either.Either<Decision, Refusal.Refusal> =>
  Either.gen(function*() {
    yield* checkBody(request)
    const length = yield* lengthOf(request, parts)
    const metadata = Option.filter(request.metadata, (header) => /[^\s,]/.test(header))
    if (Option.exists(metadata, (header) => header.length > policy.maxMetadataSize)) {
      return yield* Either.left(
        invalid("upload-metadata", `expected at most ${policy.maxMetadataSize} characters`)
      )
    }
    const kind = yield* kindOf(request, parts, now)
    if (
      Option.isSome(policy.maxSize) && Option.exists(length, (length) => length > Option.getOrThrow(policy.maxSize))
    ) {
      return yield* Either.left(new Refusal.TooLarge({ reason: "MaxSize", limit: policy.maxSize.value }))
    }
    const verification = yield* BodyHeaders.verification(request, policy)
    const full = Option.exists(length, (length) => length === 0) && kind._tag !== "Final"
    const upload = Upload.of({
      id,
      kind,
      offset: Bytes.make(0),
      length,
      metadata,
      createdAt: now,
      // A final lives as long as its parts: they expire by themselves, and it goes when one of them is gone.
      expiresAt: full || kind._tag === "Final" ? Option.none() : expiryAt(policy, now),
      expiryIsFixed: false,
      completion: full ? Transfer.completionOf({ isPartial: kind._tag === "Partial" }, now, policy) : { _tag: "Open" },
      owner: Option.none(),
      dialect: "tus"
    })
    const { contentLength } = request
    return {
      upload,
      plan: request.withUpload
        ? Option.some(yield* Transfer.plan(upload, length, { contentLength, verification }, policy))
        : Option.none()
    }
  })

/** The same upload as the application wants it. */
export const amend = ({ plan, upload }: Decision, amendments: Amendments): Decision => {
  const amended = upload.amend(amendments)
  return { upload: amended, plan: Option.map(plan, (plan) => ({ ...plan, upload: amended })) }
}

/** The answer to a request that was not refused; the query is what the URL of the upload says besides its id. */
export const respond = (upload: Upload, collection: string, request: Request, query = ""): Response =>
  new Response({
    location: `${collection}/${upload.id}${query}`,
    offset: request.withUpload ? Option.some(upload.offset) : Option.none(),
    expires: upload.expiresAt
  }, { disableValidation: true })

/**
 * A body of another type was meant for somebody else. Where none comes, neither its type nor its coding means anything.
 */
const checkBody = (request: Request) => {
  const brings = Option.exists(request.contentLength, (n) => n > 0) || Option.isSome(request.transferEncoding)
  if (brings && !request.withUpload) {
    const reason = `expected ${BodyHeaders.octets} for a body that comes along`
    return Either.left(invalid("content-type", reason, request.contentType))
  }
  return request.withUpload && Option.exists(request.contentEncoding, (codings) => !BodyHeaders.isPlain(codings))
    ? Either.left(invalid("content-encoding", BodyHeaders.plain, request.contentEncoding))
    : Either.right(undefined)
}

const lengthOf = (
  { concat, deferLength, length }: Request,
  parts: ReadonlyArray<Upload>
): Either.Either<Option.Option<Bytes>, Refusal.Refusal> => {
  if (Option.exists(concat, ({ _tag }) => _tag === "Final")) {
    const sum = Concat.lengthOf(parts)
    return Option.isSome(length) || Option.isSome(deferLength)
      ? Either.left(invalid("upload-length", "expected none for a final upload, it is as long as its parts"))
      : Option.isNone(sum) && parts.every((part) => Option.isSome(part.length))
      ? Either.left(new Refusal.TooLarge({ reason: "MaxSize", limit: Number.MAX_SAFE_INTEGER }))
      : Either.right(sum)
  }
  if (Option.isSome(length) === Option.isSome(deferLength)) {
    return Either.left(invalid("upload-length", "expected either this or Upload-Defer-Length: 1"))
  }
  return Either.right(length)
}

const kindOf = (
  request: Request,
  parts: ReadonlyArray<Upload>,
  now: DateTime.Utc
): Either.Either<Kind, Refusal.Refusal> => {
  if (Option.isNone(request.concat)) {
    return Either.right({ _tag: "Whole" })
  }
  if (request.concat.value._tag === "Partial") {
    return Either.right({ _tag: "Partial" })
  }
  const [first, ...rest] = parts
  const { urls } = request.concat.value
  const expired = parts.find((part) => part.hasExpired(now))
  const notPartial = parts.find((part) => !part.isPartial)
  return request.withUpload
    ? Either.left(new Refusal.FinalUpload())
    : notPartial !== undefined
    ? Either.left(invalid("upload-concat", "expected partial uploads only", Option.some(notPartial.id)))
    : expired !== undefined
    ? Either.left(new Refusal.UploadExpired({ id: expired.id }))
    : first === undefined
    ? Either.left(invalid("upload-concat", "expected the URL of at least one partial upload"))
    : Either.right({
      _tag: "Final",
      parts: [first.id, ...rest.map((part) => part.id)],
      concat: `final;${urls.join(" ")}`
    })
}

const invalid = (header: string, reason: string, actual: Option.Option<string> = Option.none()) =>
  new Refusal.InvalidHeader({ header, reason, actual })
