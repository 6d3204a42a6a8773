/**
 * GET: the bytes of a complete upload. Not of tus, which leaves it open; what is said here is HTTP. What was uploaded
 * may be anything, and comes as a file to be saved, never as a page or a program of this server.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14
 */
import * as ContentDisposition from "content-disposition"
import * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Header from "./Header.js"
import * as Metadata from "./Metadata.js"
import * as Refusal from "./Refusal.js"
import { Bytes, type Upload } from "./Upload.js"

/** What the client says. What is malformed is overlooked, as HTTP has it, and all is sent. */
export class Request extends Schema.Class<Request>("effect-tus/Download/Request")({
  range: Header.optional("range", Schema.String),
  ifRange: Header.optional("if-range", Schema.String),
  ifNoneMatch: Header.optional("if-none-match", Schema.String),
  ifModifiedSince: Header.optional("if-modified-since", Schema.String),
  serviceWorker: Header.optional("service-worker", Schema.String),
  destination: Header.optional("sec-fetch-dest", Schema.String)
}) {}

/** What the server answers: all of it, a range, or that the client has it already. */
export class Response extends Schema.Class<Response>("effect-tus/Download/Response")({
  contentLength: Header.optional("content-length", Header.Bytes),
  contentRange: Header.optional("content-range", Schema.String),
  contentType: Header.required("content-type", Schema.String),
  contentDisposition: Header.required("content-disposition", Schema.String),
  etag: Header.required("etag", Schema.String),
  lastModified: Header.required("last-modified", Header.HttpDate),
  acceptRanges: Header.required("accept-ranges", Schema.Literal("bytes")),
  cacheControl: Header.required("cache-control", Schema.Literal("private, no-cache")),
  resourcePolicy: Header.required("cross-origin-resource-policy", Schema.Literal("same-origin")),
  contentTypeOptions: Header.required("x-content-type-options", Schema.Literal("nosniff")),
  contentSecurityPolicy: Header.required("content-security-policy", Schema.Literal("sandbox; default-src 'none'"))
}) {
  get status(): 200 | 206 | 304 {
    return Option.isSome(this.contentRange) ? 206 : Option.isSome(this.contentLength) ? 200 : 304
  }
}

/** From `start` to `end`, exclusive. */
export interface Slice {
  readonly start: number
  readonly end: number
}

/** The answer to a GET that is not refused: 200, 206 for a range, 304 where the client has it already. */
export interface Decision {
  readonly response: Response
  /** The bytes that go with it, none where the client has them. */
  readonly slice: Option.Option<Slice>
}

/** What is sent, or the reason not to; reasons are tried in the order they win. */
export const decide = (
  upload: Upload,
  request: Request,
  now: DateTime.Utc
): Either.Either<Decision, Refusal.Refusal> => {
  if (isToRun(request)) {
    return Either.left(
      new Refusal.Denied({ status: 403, reason: "what was uploaded is to be saved or shown, not to be run" })
    )
  }
  if (upload.hasExpired(now)) {
    return Either.left(new Refusal.UploadExpired({ id: upload.id }))
  }
  const { completion, offset: size } = upload
  if (completion._tag === "Rejected") {
    return Either.left(new Refusal.UploadRejected(completion))
  }
  if (completion._tag !== "Complete") {
    return Either.left(new Refusal.Incomplete({ offset: size }))
  }
  const etag = `"${upload.id}"`
  const described = describe(upload, etag, completion.at)
  if (isKnown(request, etag, completion.at)) {
    return Either.right({ response: described({}), slice: Option.none() })
  }
  const range = Option.filter(request.range, () => appliesTo(request.ifRange, etag))
  return Option.match(Option.flatMap(range, (text) => parse(text, size)), {
    onNone: () => Either.right({ response: described({ length: size }), slice: Option.some({ start: 0, end: size }) }),
    onSome: (slice) =>
      slice.start < slice.end
        ? Either.right({
          response: described({
            length: slice.end - slice.start,
            range: `bytes ${slice.start}-${slice.end - 1}/${size}`
          }),
          slice: Option.some(slice)
        })
        : Either.left(new Refusal.RangeNotSatisfiable({ size }))
  })
}

const describe =
  (upload: Upload, etag: string, lastModified: DateTime.Utc) =>
  ({ length, range }: { readonly length?: number; readonly range?: string }): Response =>
    new Response({
      contentLength: Option.map(Option.fromNullable(length), (length) => Bytes.make(length)),
      contentRange: Option.fromNullable(range),
      ...nameOf(upload),
      etag,
      lastModified,
      acceptRanges: "bytes",
      cacheControl: "private, no-cache",
      resourcePolicy: "same-origin",
      contentTypeOptions: "nosniff",
      contentSecurityPolicy: "sandbox; default-src 'none'"
    }, { disableValidation: true })

/**
 * Whether a browser says that it would take the bytes for a program, the looks of a page, or a document within one.
 * Those that say nothing are told by the type.
 *
 * @see https://fetch.spec.whatwg.org/#concept-request-destination
 */
const isToRun = ({ destination, serviceWorker }: Request) =>
  Option.isSome(serviceWorker) || Option.exists(destination, (name) => !passive.has(name.trim().toLowerCase()))

const passive = new Set(["document", "iframe", "empty", "audio", "font", "image", "track", "video"])

/** "If-None-Match" goes before "If-Modified-Since", which knows whole seconds only. */
const isKnown = ({ ifModifiedSince, ifNoneMatch }: Request, etag: string, modified: DateTime.Utc) =>
  Option.match(ifNoneMatch, {
    onSome: (tags) => tags.trim() === "*" || tags.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag),
    onNone: () =>
      Option.exists(
        Option.flatMap(ifModifiedSince, decodeDate),
        (since) => Math.floor(DateTime.toEpochMillis(modified) / 1000) * 1000 <= DateTime.toEpochMillis(since)
      )
  })

/** What is complete never changes; a date would have to be exact, and so only the tag counts. */
const appliesTo = (ifRange: Option.Option<string>, etag: string) =>
  Option.match(ifRange, { onNone: () => true, onSome: (tag) => tag.trim() === etag })

/** One range; none where it is malformed or several, which the whole answers just as well. */
const parse = (text: string, size: number): Option.Option<Slice> => {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text.trim()) ?? []
  if (first === "") {
    return last === "" ? Option.none() : Option.some({ start: Math.max(0, size - Number(last)), end: size })
  }
  return last !== "" && Number(last) < Number(first)
    ? Option.none()
    : Option.some({ start: Number(first), end: last === "" ? size : Math.min(size, Number(last) + 1) })
}

const decodeDate = Schema.decodeOption(Header.HttpDate)
const decodeMetadata = Schema.decodeOption(Metadata.FromHeader)
const utf8 = new TextDecoder()

/** The name and the type that the client gave, as far as they are fit for a header. */
const nameOf = ({ metadata }: Upload) => {
  const given = Option.flatMap(metadata, decodeMetadata)
  const text = (...keys: ReadonlyArray<string>) =>
    Option.firstSomeOf(
      keys.map((key) => Option.flatMapNullable(given, (pairs) => pairs.get(key)))
    ).pipe(Option.map((bytes) => utf8.decode(bytes)))
  return {
    contentType: Option.getOrElse(
      Option.filter(text("filetype", "type"), (type) => mediaType.test(type) && isInert(type.toLowerCase())),
      () => "application/octet-stream"
    ),
    contentDisposition: Option.match(text("filename", "name"), { onNone: () => "attachment", onSome: disposition })
  }
}

const mediaType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/

/**
 * Types that no browser runs, whatever the bytes are. All others are as good as unknown: those that are run become
 * more.
 */
const isInert = (type: string) => /^(audio|font|image|video)\/(?!.*(xml|svg))/.test(type) || inert.has(type)

const inert = new Set([
  "application/gzip",
  "application/msword",
  "application/pdf",
  "application/vnd.ms-excel",
  "application/vnd.ms-powerpoint",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  "application/zip",
  "text/csv",
  "text/plain"
])

/** A name that stands for more than itself somewhere, such as a path, is told to old clients without that. */
const disposition = (name: string) =>
  ContentDisposition.create(name, { fallback: name.replace(/[^\x20-\x7e]|["\\/%]/gu, "_") })
