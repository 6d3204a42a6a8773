/**
 * Every way the rules say no. Fields carry facts; the message is computed from them and says what was expected. A
 * dialect knows the status of each, and the header that it is about.
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Fields } from "./Addition.js"
import type { Completion } from "./Upload.js"

/** What every refusal carries as a key: `isRefusal` looks for it. */
export const TypeId: TypeId = "~effect-tus/Refusal"
export type TypeId = "~effect-tus/Refusal"

/** The statuses that say no. */
const Status = Schema.Int.pipe(Schema.between(400, 599))

/**
 * What the request says contradicts itself, or asks for more than this server offers. `about` is the part of the
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

/** An `InvalidRequest`, with what was found if it can be told. */
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

/** The upload was there and its time has run out. */
export class UploadExpired extends Schema.TaggedError<UploadExpired>()("UploadExpired", {
  id: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `the upload ${this.id} has expired; create a new one`
  }
}

/** A final upload waits for a part that is gone for good. */
export class PartGone extends Schema.TaggedError<PartGone>()("PartGone", { part: Schema.String }) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `the partial upload ${this.part} is gone, this final upload can never be assembled`
  }
}

/** A final upload is asked to take bytes. */
export class FinalUpload extends Schema.TaggedError<FinalUpload>()("FinalUpload", {}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "a final upload is made of its partial uploads and takes no bytes of its own"
  }
}

/** Bytes are sent for another place than the one where the upload stands; both offsets in bytes. The upload stays. */
export class OffsetMismatch extends Schema.TaggedError<OffsetMismatch>()("OffsetMismatch", {
  expected: Schema.Int,
  actual: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `expected ${this.expected}, where the upload stands, got ${this.actual}`
  }
}

/** A length is declared that cannot be: another than the one declared before, or fewer bytes than are already here. */
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

/** More bytes than the server takes, or than the upload has room for. */
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

/** The body has another digest than the client said; none of it was kept. */
export class ChecksumMismatch extends Schema.TaggedError<ChecksumMismatch>()("ChecksumMismatch", {
  algorithm: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `the ${this.algorithm} of the received bytes differs, nothing was kept; send them again`
  }
}

/** The body did not arrive whole; what may be kept has been kept. */
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

/** Another writer has moved the upload on, and no lock told the two apart. */
export class Contended extends Schema.TaggedError<Contended>()("Contended", {}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "another request has changed this upload meanwhile; ask where it stands"
  }
}

/** All bytes are there, whether they are accepted is being decided. */
export class Finishing extends Schema.TaggedError<Finishing>()("Finishing", {}) {
  readonly [TypeId]: TypeId = TypeId
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
  /** Fields of the answer, such as who may authenticate, or when to try again. */
  headers: Schema.optionalWith(Fields, { default: () => ({}) })
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return this.reason
  }
}

/** There is nothing to download before an upload is complete. */
export class Incomplete extends Schema.TaggedError<Incomplete>()("Incomplete", { offset: Schema.Int }) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `expected a complete upload, this one stands at ${this.offset}`
  }
}

/** The range that is asked for has no byte of the upload, which has `size` of them. */
export class RangeNotSatisfiable extends Schema.TaggedError<RangeNotSatisfiable>()("RangeNotSatisfiable", {
  size: Schema.Int
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `expected one that begins below ${this.size}, the size of the upload`
  }
}

/** Bytes that somebody uploaded are asked for as a program, the looks of a page, or a document within one. */
export class NotRunnable extends Schema.TaggedError<NotRunnable>()("NotRunnable", {}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "what was uploaded is to be saved or shown, not to be run"
  }
}

/** Every refusal there is: what a rule fails with, and what a dialect makes a response of. */
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

/** Whether it is one, told by its `TypeId`: also one of another copy of this package. */
export const isRefusal = (u: unknown): u is Refusal => Predicate.hasProperty(u, TypeId)

/** Why an upload with all its bytes is not complete and never will be. */
export const rejectionOf = ({ completion }: { readonly completion: Completion }): Option.Option<UploadRejected> =>
  completion._tag === "Rejected" ? Option.some(new UploadRejected(completion)) : Option.none()

/** What was expected and, if there was something else, what. */
export const expectation = (of: { readonly reason: string; readonly actual: Option.Option<string> }): string =>
  Option.match(of.actual, { onNone: () => of.reason, onSome: (actual) => `${of.reason}, got ${quote(actual)}` })

/** A value in a message: bounded, printable, on one line. */
export const quote = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text).replace(/[^\x20-\x7e…]/g, "?")
