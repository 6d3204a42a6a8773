/**
 * The calls that are made to an S3-compatible object store. Each is one request: it neither retries nor decides.
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"

/**
 * Why a call failed.
 *
 * - `NoSuchKey`, `NoSuchUpload`, `NoSuchBucket`: it is not there.
 * - `Denied`: the credentials are wrong, or have no right to this call.
 * - `SlowDown`: the store asks to be asked later; nothing has happened.
 * - `Unreached`: no connection; nothing has happened.
 * - `Unsure`: a time-out, a lost connection or an error of the store; the call may have taken effect.
 * - `Refused`: the store refuses this call for good, such as a part that is too small, or wrong bytes.
 * - `Unsupported`: the store does not have this call.
 */
export class S3Error extends Schema.TaggedError<S3Error>("effect-tus/S3Error")("S3Error", {
  reason: Schema.Literal(
    "Denied",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchUpload",
    "Refused",
    "SlowDown",
    "Unreached",
    "Unsupported",
    "Unsure"
  ),
  /** The call and its object, such as `put files/abc`. It has no credentials and no signed URL. */
  operation: Schema.String,
  /** What the store says, in one line. */
  message: Schema.String,
  /** How many seconds the store asks to wait. */
  retryAfter: Schema.optional(Schema.Number)
}) {}

/** Where bytes are in an object; `end` is exclusive. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** A multipart upload under way. */
export interface Multipart {
  readonly key: string
  readonly multipartId: string
}

/** A part by its number, which is from 1 to 10,000, and its ETag, which means nothing to anybody but the store. */
export interface Part {
  readonly number: number
  readonly etag: string
}

/** What is stored with an object. */
export interface ObjectOptions {
  /** The type with which a browser gets it. */
  readonly contentType?: string | undefined
  /** The name under which a browser saves it. */
  readonly contentDisposition?: string | undefined
  /** Metadata of our own: names in lower case, values in ASCII. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** A stored object. */
export interface Found {
  /** In bytes. */
  readonly size: number
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * The object store of one bucket. `S3Sdk.layer` makes the calls by `@aws-sdk/client-s3`.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
export class S3Objects extends Context.Tag("effect-tus/S3Objects")<S3Objects, {
  /** The name of the bucket, for messages. */
  readonly bucket: string

  /** Stores an object whole. The store checks the bytes. */
  readonly put: (key: string, bytes: Uint8Array, options?: ObjectOptions) => Effect.Effect<void, S3Error>

  /** The bytes of a range: all of them, or a failure. */
  readonly get: (key: string, range: ByteRange) => Stream.Stream<Uint8Array, S3Error>

  /** `Option.none` if there is no such object in the bucket, and there is the bucket. */
  readonly head: (key: string) => Effect.Effect<Option.Option<Found>, S3Error>

  /** Removes an object. Does nothing if there is none. */
  readonly remove: (key: string) => Effect.Effect<void, S3Error>

  /** The objects under a prefix, in the order of their keys: at most 1,000, behind the key `after`. */
  readonly list: (
    options: { readonly prefix: string; readonly after?: string | undefined }
  ) => Effect.Effect<
    ReadonlyArray<{ readonly key: string; readonly size: number; readonly modifiedAt: DateTime.Utc }>,
    S3Error
  >

  /** Begins a multipart upload, and returns its id. */
  readonly createMultipart: (key: string, options?: ObjectOptions) => Effect.Effect<string, S3Error>

  /** Stores a part, in place of an earlier one with its number, and returns its ETag. The store checks the bytes. */
  readonly uploadPart: (to: Multipart, number: number, bytes: Uint8Array) => Effect.Effect<string, S3Error>

  /** Stores a part that is a range of an object in the same bucket, and returns its ETag. */
  readonly copyPart: (
    to: Multipart,
    number: number,
    source: ByteRange & { readonly key: string }
  ) => Effect.Effect<string, S3Error>

  /** Makes the parts, in this order, one object. */
  readonly complete: (upload: Multipart, parts: ReadonlyArray<Part>) => Effect.Effect<void, S3Error>

  /** Drops a multipart upload and its parts. Does nothing if there is none. */
  readonly abort: (upload: Multipart) => Effect.Effect<void, S3Error>

  /** All parts of a multipart upload, in the order of their numbers. Sizes are in bytes. */
  readonly parts: (
    upload: Multipart
  ) => Effect.Effect<ReadonlyArray<Part & { readonly size: number }>, S3Error>

  /** All multipart uploads under a prefix. */
  readonly multiparts: (
    prefix: string
  ) => Stream.Stream<Multipart & { readonly initiatedAt: DateTime.Utc }, S3Error>

  /**
   * After how many days the bucket drops multipart uploads under this prefix by itself; `Option.none` if it never does.
   */
  readonly abortRule: (prefix: string) => Effect.Effect<Option.Option<number>, S3Error>

  /** A URL with which anybody may read the object for some seconds. */
  readonly presign: (
    key: string,
    options: { readonly seconds: number; readonly contentDisposition?: string | undefined }
  ) => Effect.Effect<string, S3Error>
}>() {}
