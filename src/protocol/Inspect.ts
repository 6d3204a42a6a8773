/**
 * HEAD: how far an upload has come.
 *
 * @see https://tus.io/protocols/resumable-upload#head
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Concat from "./Concat.js"
import * as Header from "./Header.js"
import * as Refusal from "./Refusal.js"
import type { Upload } from "./Upload.js"

/** What the server answers. */
export class Response extends Schema.Class<Response>("effect-tus/Inspect/Response")({
  offset: Header.optional("upload-offset", Header.Bytes),
  length: Header.optional("upload-length", Header.Bytes),
  deferLength: Header.optional("upload-defer-length", Header.literal("1")),
  metadata: Header.optional("upload-metadata", Schema.String),
  concat: Header.optional("upload-concat", Schema.String),
  expires: Header.optional("upload-expires", Header.HttpDate),
  cacheControl: Header.required("cache-control", Schema.Literal("no-store"))
}) {
  readonly status = 200
}

/**
 * Where the upload stands. `parts` are those of a final upload, none where one is gone: "The Server MUST NOT include
 * the Upload-Offset header" before it is assembled, and its length is told "as soon as it can be calculated".
 */
export const decide = (
  upload: Upload,
  parts: ReadonlyArray<Option.Option<Upload>>,
  now: DateTime.Utc
): Either.Either<Response, Refusal.Refusal> => {
  if (upload.hasExpired(now)) {
    return Either.left(new Refusal.UploadExpired({ id: upload.id }))
  }
  if (upload.completion._tag === "Rejected") {
    return Either.left(new Refusal.UploadRejected(upload.completion))
  }
  if (upload.completion._tag === "Finishing") {
    return Either.left(new Refusal.Finishing())
  }
  const assembling = upload.isOpen && upload.kind._tag === "Final"
  const length = assembling
    ? Option.orElse(upload.length, () => Option.flatMap(Option.all(parts), Concat.lengthOf))
    : upload.length
  const gone = assembling ? Concat.missing(upload, parts) : Option.none()
  if (Option.isSome(gone)) {
    return Either.left(gone.value)
  }
  return Either.right(
    new Response({
      offset: assembling ? Option.none() : Option.some(upload.offset),
      length,
      deferLength: Option.isNone(length) && !assembling ? Option.some("1") : Option.none(),
      metadata: upload.metadata,
      concat: concatOf(upload),
      expires: upload.expiresAt,
      cacheControl: "no-store"
    }, { disableValidation: true })
  )
}

const concatOf = ({ kind }: Upload): Option.Option<string> => {
  switch (kind._tag) {
    case "Whole":
      return Option.none()
    case "Partial":
      return Option.some("partial")
    case "Final":
      return Option.some(kind.concat)
  }
}
