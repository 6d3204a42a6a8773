/**
 * GET: the headers of a download, which are those of HTTP in every dialect. Uploaded bytes may be anything, so they are
 * sent as a file to save, never as a page or a script of this server.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14
 */
import * as ContentDisposition from "content-disposition"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Download from "../protocol/Download.js"
import * as Metadata from "../protocol/Metadata.js"
import { Bytes, type Upload } from "../protocol/Upload.js"
import * as Header from "./Header.js"
import * as HeaderCodec from "./HeaderCodec.js"
import type { Headers, RawResponse } from "./Message.js"

/** What the client says. As HTTP requires, malformed fields are ignored, and all bytes are sent. */
export const decode = (headers: Headers): Download.Request => ({
  isToRun: isToRun(headers),
  has: versionsOf(headers),
  range: Option.flatMap(Option.fromNullable(headers["range"]), parse),
  rangeOf: Option.match(Option.fromNullable(headers["if-range"]), {
    onNone: () => ({ _tag: "All" }),
    // A date would have to be exact, so only the tag counts.
    onSome: (text) => ({ _tag: "Tags", tags: tagsOf([text]) })
  })
})

/** 200 with all bytes, 206 with a range, or 304 if the client has them. */
export const encode = ({ completedAt, isRange, slice, tag, upload }: Download.Downloaded): RawResponse => ({
  status: Option.isNone(slice) ? 304 : isRange ? 206 : 200,
  headers: encodeFields({
    contentLength: Option.map(slice, ({ end, start }) => Bytes.make(end - start)),
    contentRange: Option.map(
      Option.filter(slice, () => isRange),
      ({ end, start }) => `bytes ${start}-${end - 1}/${upload.offset}`
    ),
    ...nameOf(upload),
    etag: `"${tag}"`,
    lastModified: completedAt,
    acceptRanges: "bytes",
    cacheControl: "private, no-cache",
    resourcePolicy: "same-origin",
    contentTypeOptions: "nosniff",
    contentSecurityPolicy: "sandbox; default-src 'none'"
  })
})

const encodeFields = HeaderCodec.fieldsEncoder({
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
})

/**
 * Whether a browser says that it would run the bytes: as a script, a style sheet or an embedded document. For browsers
 * that say nothing, the media type has to be harmless.
 *
 * @see https://fetch.spec.whatwg.org/#concept-request-destination
 */
const isToRun = (headers: Headers) => {
  const destination = headers["sec-fetch-dest"]
  return headers["service-worker"] !== undefined
    || (destination !== undefined && !passive.has(destination.trim().toLowerCase()))
}

const passive = new Set(["document", "iframe", "empty", "audio", "font", "image", "track", "video"])

/** `If-None-Match` takes precedence over `If-Modified-Since`, which knows whole seconds only. */
const versionsOf = (headers: Headers): Download.Versions => {
  const tags = headers["if-none-match"]
  if (tags !== undefined) {
    return tags.trim() === "*"
      ? { _tag: "All" }
      : { _tag: "Tags", tags: tagsOf(tags.split(",").map((tag) => tag.trim().replace(/^W\//, ""))) }
  }
  return Option.match(Option.flatMap(Option.fromNullable(headers["if-modified-since"]), decodeDate), {
    onNone: () => ({ _tag: "None" }),
    onSome: (at) => ({ _tag: "Until", at })
  })
}

/** Strong tags, without their quotes. */
const tagsOf = (texts: ReadonlyArray<string>) => texts.flatMap((text) => /^"(.*)"$/.exec(text.trim())?.[1] ?? [])

/** One range. For several ranges, or a malformed one, all bytes are sent. */
const parse = (text: string): Option.Option<Download.Range> => {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text.trim()) ?? []
  if (first === "") {
    return last === "" ? Option.none() : Option.some({ _tag: "Last", count: Number(last) })
  }
  return last !== "" && Number(last) < Number(first)
    ? Option.none()
    : Option.some({
      _tag: "From",
      first: Number(first),
      last: last === "" ? Option.none() : Option.some(Number(last))
    })
}

const decodeDate = Schema.decodeOption(Header.HttpDate)
const decodeMetadata = Schema.decodeOption(Metadata.FromRaw)
const utf8 = new TextDecoder()

/** The name and the media type from the metadata, if they are safe in a header. */
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
 * Media types that no browser runs. All others are sent as unknown, since browsers learn to run more types.
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

/** Old clients get the name without characters that have a meaning in paths. */
const disposition = (name: string) =>
  ContentDisposition.create(name, { fallback: name.replace(/[^\x20-\x7e]|["\\/%]/gu, "_") })
