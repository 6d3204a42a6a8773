/**
 * Every way the protocol says no. The status is a fact of the protocol, so it lives here; how a status is sent is not,
 * so it does not. Fields carry facts; the message is computed from them and says what was expected.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { Completion } from "./Upload.js"

/** What every refusal carries as a key: `isRefusal` looks for it. */
export const TypeId: TypeId = "~effect-tus/Refusal"
export type TypeId = "~effect-tus/Refusal"

/** The statuses that say no. */
const Status = Schema.Int.pipe(Schema.between(400, 599))

/** Fields that an application adds to an answer, by lower-case name. */
export const ResponseHeaders = Schema.Record({
  key: Schema.String.pipe(Schema.pattern(/^[a-z0-9!#$%&'*+.^_`|~-]+$/)),
  value: Schema.String.pipe(Schema.pattern(/^[\t\x20-\x7e]*$/))
})

/** A header that is missing or malformed, or that this server cannot honour. */
export class InvalidHeader extends Schema.TaggedError<InvalidHeader>()("InvalidHeader", {
  header: Schema.String,
  reason: Schema.String,
  actual: Schema.OptionFromSelf(Schema.String)
}) {
  readonly [TypeId]: TypeId = TypeId
  get status(): number {
    return statusByHeader.get(this.header) ?? 400
  }
  override get message(): string {
    const got = Option.match(this.actual, { onNone: () => "", onSome: (actual) => `, got ${quote(actual)}` })
    return `${canonical(this.header)}: ${this.reason}${got}`
  }
}

const statusByHeader = new Map([["tus-resumable", 412], ["content-type", 415], ["content-encoding", 415]])

/** No such upload: never created, terminated, or removed. Absence is proven, never assumed. */
export class UploadNotFound extends Schema.TaggedError<UploadNotFound>()("UploadNotFound", {
  id: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 404
  override get message(): string {
    return `no upload ${quote(this.id)} here`
  }
}

/** The upload was there and its time has run out. */
export class UploadExpired extends Schema.TaggedError<UploadExpired>()("UploadExpired", {
  id: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 410
  override get message(): string {
    return `the upload ${this.id} has expired; create a new one`
  }
}

/** A final upload waits for a part that is gone for good. */
export class PartGone extends Schema.TaggedError<PartGone>()("PartGone", { part: Schema.String }) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 410
  override get message(): string {
    return `the partial upload ${this.part} is gone, this final upload can never be assembled`
  }
}

/** "The Server MUST respond with the 403 Forbidden status to PATCH requests against a final upload URL". */
export class FinalUpload extends Schema.TaggedError<FinalUpload>()("FinalUpload", {}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 403
  override get message(): string {
    return "a final upload is made of its partial uploads and takes no bytes of its own"
  }
}

/**
 * A PATCH does not begin where the upload stands; both offsets in bytes. "If the offsets do not match, the Server MUST
 * respond with the 409 Conflict status without modifying the upload resource".
 */
export class OffsetMismatch extends Schema.TaggedError<OffsetMismatch>()("OffsetMismatch", {
  expected: Schema.Int,
  actual: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 409
  override get message(): string {
    return `Upload-Offset: expected ${this.expected}, where the upload stands, got ${this.actual}`
  }
}

/**
 * A PATCH declares a length that cannot be: another than the one declared before, or fewer bytes than are already here.
 */
export class LengthConflict extends Schema.TaggedError<LengthConflict>()("LengthConflict", {
  reason: Schema.Literal("AlreadyDeclared", "BelowOffset"),
  expected: Schema.Int,
  actual: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 400
  override get message(): string {
    return this.reason === "AlreadyDeclared"
      ? `Upload-Length: expected ${this.expected}, as declared before, got ${this.actual}`
      : `Upload-Length: expected at least ${this.expected}, the bytes that are already here, got ${this.actual}`
  }
}

/** More bytes than the server takes, or than the upload has room for. */
export class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", {
  reason: Schema.Literal("MaxSize", "Length"),
  limit: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 413
  override get message(): string {
    return this.reason === "MaxSize"
      ? `expected an upload of at most ${this.limit} bytes`
      : `expected a body of at most ${this.limit} bytes, the rest of the upload`
  }
}

/**
 * The body has another digest than the client said; none of it was kept. 460 is a status of tus alone.
 *
 * @see https://tus.io/protocols/resumable-upload#checksum
 */
export class ChecksumMismatch extends Schema.TaggedError<ChecksumMismatch>()("ChecksumMismatch", {
  algorithm: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 460
  override get message(): string {
    return `Upload-Checksum: the ${this.algorithm} of the received bytes differs, nothing was kept; send them again`
  }
}

/** The body did not arrive whole; what may be kept has been kept. */
export class Interrupted extends Schema.TaggedError<Interrupted>()("Interrupted", {
  reason: Schema.Literal("Disconnected", "Idle", "TakenOver", "Shutdown"),
  offset: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  /** Worth another attempt, so never a 4xx that clients take for final: neither 400 nor 408. */
  get status(): number {
    return this.reason === "TakenOver" ? 423 : 503
  }
  override get message(): string {
    return `${because[this.reason]}; the upload stands at ${this.offset}, continue from there`
  }
}

const because = {
  Disconnected: "the body ended before its announced end",
  Idle: "no byte arrived for too long",
  TakenOver: "a newer request has taken this upload over",
  Shutdown: "the server is stopping"
}

/** Another writer has moved the upload on, and no lock told the two apart. */
export class Contended extends Schema.TaggedError<Contended>()("Contended", {}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 423
  override get message(): string {
    return "another request has changed this upload meanwhile; ask by HEAD where it stands"
  }
}

/** All bytes are there, whether they are accepted is being decided. */
export class Finishing extends Schema.TaggedError<Finishing>()("Finishing", {}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 423
  override get message(): string {
    return "all bytes have arrived and are being processed; ask again shortly"
  }
}

/** All bytes were there and the server's application refused them. The answer stays until the upload is terminated. */
export class UploadRejected extends Schema.TaggedError<UploadRejected>()("UploadRejected", {
  status: Status,
  reason: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return this.reason
  }
}

/** The application says no: who asks may not do this, or not now. Changes nothing, and answers this request only. */
export class Denied extends Schema.TaggedError<Denied>()("Denied", {
  status: Status,
  reason: Schema.String,
  /** Of the answer, such as `www-authenticate` of a 401 or `retry-after` of a 429. */
  headers: Schema.optionalWith(ResponseHeaders, { default: () => ({}) })
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return this.reason
  }
}

/** There is nothing to download before an upload is complete. */
export class Incomplete extends Schema.TaggedError<Incomplete>()("Incomplete", { offset: Schema.Int }) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 409
  override get message(): string {
    return `expected a complete upload, this one stands at ${this.offset}`
  }
}

/**
 * The range that a GET asks for has no byte of the upload, which has `size` of them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.5.17
 */
export class RangeNotSatisfiable extends Schema.TaggedError<RangeNotSatisfiable>()("RangeNotSatisfiable", {
  size: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 416
  override get message(): string {
    return `Range: expected one that begins below ${this.size}, the size of the upload`
  }
}

/**
 * A method that this URL does not take, or that no URL here does; `allow` are those that it takes, for the header
 * `Allow`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6
 */
export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", {
  method: Schema.String,
  allow: Schema.Array(Schema.String)
}) {
  readonly [TypeId]: TypeId = TypeId
  readonly status = 405
  override get message(): string {
    return `expected one of ${this.allow.join(", ")}, got ${quote(this.method)}`
  }
}

/** Every refusal there is: what a rule fails with, and what `Reply.encode` makes a response of. */
export const Refusal = Schema.Union(
  ChecksumMismatch,
  Contended,
  Denied,
  FinalUpload,
  Finishing,
  Incomplete,
  Interrupted,
  InvalidHeader,
  LengthConflict,
  MethodNotAllowed,
  OffsetMismatch,
  PartGone,
  RangeNotSatisfiable,
  TooLarge,
  UploadExpired,
  UploadNotFound,
  UploadRejected
)
export type Refusal = typeof Refusal.Type

/** Whether it is one, told by its `TypeId`: also one of another copy of this package. */
export const isRefusal = (u: unknown): u is Refusal => Predicate.hasProperty(u, TypeId)

/** Why an upload with all its bytes is not complete and never will be. */
export const rejectionOf = ({ completion }: { readonly completion: Completion }): Option.Option<UploadRejected> =>
  completion._tag === "Rejected" ? Option.some(new UploadRejected(completion)) : Option.none()

/** A value in a message: bounded, printable, on one line. */
const quote = (text: string) =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text).replace(/[^\x20-\x7e…]/g, "?")

const canonical = (header: string) => header.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())
