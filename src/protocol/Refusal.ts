/**
 * Every reason of the rules to refuse a request. Fields are facts. The message is made from them and says what was
 * expected. A dialect knows the status of each refusal, and the header that it is about.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Fields } from "./Addition.js"
import type { Completion } from "./Upload.js"

/** The key that every refusal has, for `isRefusal`. */
export const TypeId: TypeId = "~effect-tus/Refusal"
export type TypeId = "~effect-tus/Refusal"

/** The statuses of errors. */
const Status = Schema.Int.pipe(Schema.between(400, 599))

/**
 * The request contradicts itself, or asks for something that this server does not offer. `about` is the part of the
 * request, in the words of the rules.
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  about: Schema.Literal("length", "deferral", "metadata", "parts", "checksum", "trailer", "type", "coding"),
  reason: Schema.String,
  actual: Schema.OptionFromSelf(Schema.String)
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return expectation(this)
  }
}

/** Makes an `InvalidRequest`; `actual` is what was found. */
export const invalid = (
  about: InvalidRequest["about"],
  reason: string,
  actual: Option.Option<string> = Option.none()
): InvalidRequest => new InvalidRequest({ about, reason, actual })

/** No such upload: never created, terminated, or removed. Absence is proven, never assumed. */
export class UploadNotFound extends Schema.TaggedError<UploadNotFound>()("UploadNotFound", {
  id: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `no upload ${quote(this.id)} here`
  }
}

/** The upload has expired. */
export class UploadExpired extends Schema.TaggedError<UploadExpired>()("UploadExpired", {
  id: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `the upload ${this.id} has expired; create a new one`
  }
}

/** A final upload needs a part that is gone for good. */
export class PartGone extends Schema.TaggedError<PartGone>()("PartGone", { part: Schema.String }) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `the partial upload ${this.part} is gone, this final upload can never be assembled`
  }
}

/** Bytes are sent to a final upload. */
export class FinalUpload extends Schema.TaggedError<FinalUpload>()("FinalUpload", {}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "a final upload is made of its partial uploads and takes no bytes of its own"
  }
}

/** The bytes do not begin at the offset of the upload, which does not change; offsets in bytes. */
export class OffsetMismatch extends Schema.TaggedError<OffsetMismatch>()("OffsetMismatch", {
  expected: Schema.Int,
  actual: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `expected ${this.expected}, where the upload stands, got ${this.actual}`
  }
}

/** The declared length is impossible: it differs from an earlier one, or is below the offset. */
export class LengthConflict extends Schema.TaggedError<LengthConflict>()("LengthConflict", {
  reason: Schema.Literal("AlreadyDeclared", "BelowOffset"),
  expected: Schema.Int,
  actual: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return this.reason === "AlreadyDeclared"
      ? `expected ${this.expected}, as declared before, got ${this.actual}`
      : `expected at least ${this.expected}, the bytes that are already here, got ${this.actual}`
  }
}

/** More bytes than the server accepts, or than the upload has room for. */
export class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", {
  reason: Schema.Literal("MaxSize", "Length"),
  limit: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return this.reason === "MaxSize"
      ? `expected an upload of at most ${this.limit} bytes`
      : `expected a body of at most ${this.limit} bytes, the rest of the upload`
  }
}

/** The digest of the body differs from the checksum of the client. None of the body was kept. */
export class ChecksumMismatch extends Schema.TaggedError<ChecksumMismatch>()("ChecksumMismatch", {
  algorithm: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `the ${this.algorithm} of the received bytes differs, nothing was kept; send them again`
  }
}

/** The body ended early. What may be kept was kept. */
export class Interrupted extends Schema.TaggedError<Interrupted>()("Interrupted", {
  reason: Schema.Literal("Disconnected", "Idle", "TakenOver", "Shutdown"),
  offset: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
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

/** Another writer has changed the upload, and no lock kept the two apart. */
export class Contended extends Schema.TaggedError<Contended>()("Contended", {}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "another request has changed this upload meanwhile; ask where it stands"
  }
}

/** All bytes have arrived, and a hook is deciding whether to accept them. */
export class Finishing extends Schema.TaggedError<Finishing>()("Finishing", {}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "all bytes have arrived and are being processed; ask again shortly"
  }
}

/**
 * All bytes had arrived, and the application refused them. Every later request gets this answer, until the upload is
 * removed.
 */
export class UploadRejected extends Schema.TaggedError<UploadRejected>()("UploadRejected", {
  status: Status,
  reason: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return this.reason
  }
}

/** The application refuses this request, and nothing else. The upload does not change. */
export class Denied extends Schema.TaggedError<Denied>()("Denied", {
  status: Status,
  reason: Schema.String,
  /** Fields of the answer. */
  headers: Schema.optionalWith(Fields, { default: () => ({}) })
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return this.reason
  }
}

/** The upload is not complete, so it cannot be downloaded. */
export class Incomplete extends Schema.TaggedError<Incomplete>()("Incomplete", { offset: Schema.Int }) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `expected a complete upload, this one stands at ${this.offset}`
  }
}

/** The requested range is beyond the upload, which has `size` bytes. */
export class RangeNotSatisfiable extends Schema.TaggedError<RangeNotSatisfiable>()("RangeNotSatisfiable", {
  size: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `expected one that begins below ${this.size}, the size of the upload`
  }
}

/** A browser asks for uploaded bytes as a script, a style sheet or an embedded document. */
export class NotRunnable extends Schema.TaggedError<NotRunnable>()("NotRunnable", {}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "what was uploaded is to be saved or shown, not to be run"
  }
}

/** Every refusal: what a rule fails with, and what a dialect encodes as a response. */
export const Refusal = Schema.Union(
  ChecksumMismatch,
  Contended,
  Denied,
  FinalUpload,
  Finishing,
  Incomplete,
  Interrupted,
  InvalidRequest,
  LengthConflict,
  NotRunnable,
  OffsetMismatch,
  PartGone,
  RangeNotSatisfiable,
  TooLarge,
  UploadExpired,
  UploadNotFound,
  UploadRejected
)
export type Refusal = typeof Refusal.Type

/** Whether it is a refusal, also one of another copy of this package. */
export const isRefusal = (u: unknown): u is Refusal => Predicate.hasProperty(u, TypeId)

/** The refusal of an upload that the application rejected; otherwise `Option.none`. */
export const rejectionOf = ({ completion }: { readonly completion: Completion }): Option.Option<UploadRejected> =>
  completion._tag === "Rejected" ? Option.some(new UploadRejected(completion)) : Option.none()

/** What was expected and, if it can be told, what was found. */
export const expectation = (of: { readonly reason: string; readonly actual: Option.Option<string> }): string =>
  Option.match(of.actual, { onNone: () => of.reason, onSome: (actual) => `${of.reason}, got ${quote(actual)}` })

/** A value in a message: bounded, printable, on one line. */
export const quote = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text).replace(/[^\x20-\x7e…]/g, "?")
