/**
 * The upload resource: its state, and the methods that make the next state. Illegal states cannot be constructed.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Dialect from "./Dialect.js"
import * as FinalAnswer from "./FinalAnswer.js"
import * as Metadata from "./Metadata.js"

/** Opaque and unguessable: 22 characters of this alphabet are 132 bits. No other input becomes a path. */
export const UploadId = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z0-9_-]{22,128}$/, {
    message: () => "expected an upload id: 22 to 128 letters, digits, - or _"
  }),
  Schema.brand("effect-tus/UploadId")
)
export type UploadId = typeof UploadId.Type

/** A number of bytes, or an offset among them: a whole number from 0 to 2^53-1. */
export const Bytes = Schema.Int.pipe(Schema.nonNegative(), Schema.brand("effect-tus/Bytes"))
export type Bytes = typeof Bytes.Type

/** A whole upload, a part to be concatenated, or the concatenation of parts, in the order asked for. */
export const Kind = Schema.Union(
  Schema.TaggedStruct("Whole", {}),
  Schema.TaggedStruct("Partial", {}),
  Schema.TaggedStruct("Final", { parts: Schema.NonEmptyArray(UploadId), concat: Schema.String })
)
export type Kind = typeof Kind.Type

/**
 * Completion is a state of its own, not `offset === length`: all bytes may be there while the completion hook still
 * runs, or after it has refused them for good.
 */
export const Completion = Schema.Union(
  Schema.TaggedStruct("Open", {}),
  Schema.TaggedStruct("Finishing", {}),
  Schema.TaggedStruct("Complete", {
    at: Schema.DateTimeUtcFromNumber,
    /** What the completion hook added to the answer; `Option.none` if it is not told again. */
    answer: Schema.OptionFromNullOr(FinalAnswer.FromJson)
  }),
  Schema.TaggedStruct("Rejected", { status: Schema.Int, reason: Schema.String })
)
export type Completion = typeof Completion.Type

const Fields = Schema.Struct({
  id: UploadId,
  kind: Kind,
  offset: Bytes,
  length: Schema.OptionFromNullOr(Bytes),
  /** `Metadata.Raw`: as it was sent, byte for byte. */
  metadata: Schema.OptionFromNullOr(Schema.String),
  createdAt: Schema.DateTimeUtcFromNumber,
  expiresAt: Schema.OptionFromNullOr(Schema.DateTimeUtcFromNumber),
  /** Whether `expiresAt` is fixed. Otherwise every acknowledged byte renews it. */
  expiryIsFixed: Schema.Boolean,
  completion: Completion,
  /** Whose it is, in the words of the application. */
  owner: Schema.OptionFromNullOr(Schema.String),
  /** The protocol in which the upload was created. */
  dialect: Dialect.Dialect
})

/**
 * What has to be true between the fields, or why it is not. For a dialect that is not served, only the first rule is
 * known.
 */
const invariants = (fields: typeof Fields.Type): true | string => {
  const { completion, expiresAt, kind, length, offset } = fields
  if (Option.isSome(length) && offset > length.value) {
    return "the offset exceeds the length"
  }
  if (!Dialect.isServed(fields)) {
    return true
  }
  const full = Option.isSome(length) && offset === length.value
  switch (completion._tag) {
    case "Open":
      return kind._tag === "Final"
        ? offset === 0 || "a final upload has no offset before it is assembled"
        : !full || "an upload with all its bytes is no longer open"
    case "Complete":
    case "Finishing":
    case "Rejected":
      if (!full) {
        return "an upload without all its bytes is open"
      }
      return Option.isNone(expiresAt) || "an upload with all its bytes does not expire"
  }
}

/** What `onCreate` may change about a new upload. */
export const Amendments = Schema.Struct({
  id: Schema.optional(UploadId),
  /** In place of the metadata that the client sent, in the same form. */
  metadata: Schema.optional(Metadata.Raw),
  /** When it expires while it is unfinished, however many bytes arrive before; `Option.none` for never. */
  expiresAt: Schema.optional(Schema.OptionFromSelf(Schema.DateTimeUtcFromSelf)),
  /** Whose it is, in the words of the application. */
  owner: Schema.optional(Schema.String)
})
export type Amendments = typeof Amendments.Type

/**
 * The state of an upload. It is immutable: each method returns the next state. The constructor throws a `ParseError` if
 * fields contradict each other, such as an offset beyond the length.
 */
export class Upload extends Schema.Class<Upload>("effect-tus/Upload")(Fields.pipe(Schema.filter(invariants))) {
  /**
   * Makes a state from typed fields. Checks only what has to be true between them, at a hundredth of the cost.
   */
  static of(fields: typeof Fields.Type): Upload {
    return new Upload(fields, invariants(fields) === true)
  }
  get isOpen(): boolean {
    return this.completion._tag === "Open"
  }
  get isFinal(): boolean {
    return this.kind._tag === "Final"
  }
  get isPartial(): boolean {
    return this.kind._tag === "Partial"
  }
  hasExpired(now: DateTime.Utc): boolean {
    return Option.exists(this.expiresAt, DateTime.lessThanOrEqualTo(now))
  }
  /**
   * Without the queries in the URLs of parts. With signed URLs, a client that may see the final may not use its parts.
   */
  withoutQueries(): Upload {
    return this.kind._tag === "Final"
      ? Upload.of({ ...this, kind: { ...this.kind, concat: this.kind.concat.replace(/[?#][^ ]*/g, "") } })
      : this
  }
  /** `count` more bytes count, but not the last one. The length may become known, and the expiry is renewed. */
  grow(count: number, length: Option.Option<Bytes>, expiresAt: Option.Option<DateTime.Utc>): Upload {
    return Upload.of({
      ...this,
      offset: Bytes.make(this.offset + count),
      length,
      expiresAt: this.expiryIsFixed ? this.expiresAt : expiresAt
    })
  }
  /** A new upload with what the application changes about it. */
  amend({ expiresAt, id, metadata, owner }: Amendments): Upload {
    return Upload.of({
      ...this,
      id: id ?? this.id,
      metadata: metadata === undefined ? this.metadata : Option.some(metadata),
      owner: owner === undefined ? this.owner : Option.some(owner),
      // An upload with all its bytes does not expire.
      ...(expiresAt === undefined || !this.isOpen ? {} : { expiresAt, expiryIsFixed: true })
    })
  }
  /**
   * Bytes after `offset`, which is below its own, no longer count. If the upload had all its bytes, it now expires at
   * `expiresAt`.
   */
  cut(offset: number, expiresAt: Option.Option<DateTime.Utc> = Option.none()): Upload {
    return Upload.of({
      ...this,
      offset: Bytes.make(offset),
      completion: { _tag: "Open" },
      expiresAt: this.isOpen ? this.expiresAt : expiresAt
    })
  }
  /** All bytes have arrived. */
  fill(length: Bytes, completion: Exclude<Completion, { readonly _tag: "Open" }>): Upload {
    return Upload.of({
      ...this,
      offset: length,
      length: Option.some(length),
      expiresAt: Option.none(),
      completion
    })
  }
}
