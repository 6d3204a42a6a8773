/**
 * Uploads whose metadata has a known shape, as one Schema says: in the hooks and in the feed. A client encodes with the
 * same Schema.
 *
 *     const Photo = Schema.Struct({ filename: Schema.String, taken: Schema.DateTimeUtc })
 *     const photos = TypedUploads.make(Photo)
 *     Layer.succeed(UploadHooks.UploadHooks, photos.hooks({ onComplete: ({ metadata }) => file(metadata.taken) }))
 *
 *     TusUpload.run({ endpoint, source, metadata: Schema.encodeSync(Photo)(photo) })
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Addition } from "../../protocol/Addition.js"
import * as Metadata from "../../protocol/Metadata.js"
import { Denied, type UploadRejected } from "../../protocol/Refusal.js"
import type { Amendments, Upload } from "../../protocol/Upload.js"
import type { RawRequest } from "../../wire/Message.js"
import { type Event, UploadFeed } from "./UploadEvents.js"
import type { Hooks } from "./UploadHooks.js"

/** An upload with decoded metadata, and with all fields, getters and methods of `Upload`. */
export type TypedUpload<A> = Omit<Upload, "metadata"> & { readonly metadata: A }

/** `Amendments` whose metadata is a value. The Schema encodes it; a value that it refuses is a defect. */
export type TypedAmendments<A> = Omit<Amendments, "metadata"> & { readonly metadata?: A | undefined }

type Typed<E, A> = E extends { readonly upload: Upload } ? Omit<E, "upload"> & { readonly upload: TypedUpload<A> }
  : never

/** An `Event` whose upload has decoded metadata. */
export type TypedEvent<A> = Typed<Event, A>

/** `authorize` also runs for partial uploads, whose metadata may have any shape, so it sees the encoded metadata. */
export interface TypedHooks<A> extends Pick<Hooks, "authorize" | "timeLimit"> {
  readonly onCreate?:
    | ((upload: TypedUpload<A>, request: RawRequest) => Effect.Effect<TypedAmendments<A> | void, Denied>)
    | undefined
  readonly onComplete?: ((upload: TypedUpload<A>) => Effect.Effect<Addition | void, UploadRejected>) | undefined
  readonly onTerminate?: ((upload: TypedUpload<A>) => Effect.Effect<void, Denied>) | undefined
  readonly onExpire?: ((upload: TypedUpload<A>) => Effect.Effect<void>) | undefined
}

/** The hooks and the feed of one Schema. */
export interface TypedUploads<A> {
  /**
   * An upload whose metadata does not match is refused with 400. If it was stored before, without this Schema, it is a
   * defect when a hook sees it: the upload stays as it is, and the defect is logged.
   */
  readonly hooks: (hooks: TypedHooks<A>) => Hooks
  /** Events of uploads whose metadata matches. Partial uploads without metadata are left out. */
  readonly feed: Stream.Stream<TypedEvent<A>, never, UploadFeed>
}

/**
 * The encoded side of the Schema is the pairs of `Upload-Metadata`: UTF-8 texts by key. An upload without metadata has
 * no pairs.
 */
export const make = <A, I extends { readonly [key: string]: string }>(
  schema: Schema.Schema<A, I>
): TypedUploads<A> => {
  const header = Metadata.schema(schema)
  const decodeHeader = Schema.decodeEither(header)
  const encode = Schema.encode(header)

  /** With the getters and methods that every upload has. */
  const decode = (upload: Upload): Either.Either<TypedUpload<A>, ParseResult.ParseError> =>
    Either.map(
      decodeHeader(Option.getOrElse(upload.metadata, () => "")),
      (metadata) => Object.assign(Object.create(Object.getPrototypeOf(upload)), upload, { metadata })
    )

  const stored = (upload: Upload) => Effect.orDie(decode(upload))

  return {
    hooks: ({ authorize, onComplete, onCreate, onExpire, onTerminate, timeLimit }) => ({
      authorize,
      timeLimit,
      onCreate: (upload, request) =>
        Effect.gen(function*() {
          const typed = yield* Either.mapLeft(decode(upload), refuse)
          const { metadata, ...others } = (yield* onCreate?.(typed, request) ?? Effect.void) ?? {}
          return metadata === undefined ? others : { ...others, metadata: yield* Effect.orDie(encode(metadata)) }
        }),
      onComplete: onComplete && ((upload) => Effect.flatMap(stored(upload), onComplete)),
      onTerminate: onTerminate && ((upload) => Effect.flatMap(stored(upload), onTerminate)),
      onExpire: onExpire && ((upload) => Effect.flatMap(stored(upload), onExpire))
    }),
    feed: Stream.unwrap(UploadFeed).pipe(
      Stream.filterMap((event) =>
        Option.map(Either.getRight(decode(event.upload)), (upload) => ({ ...event, upload }) as TypedEvent<A>)
      )
    )
  }
}

const refuse = (error: ParseResult.ParseError) => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const key = issue === undefined || issue.path.length === 0 ? "" : ` for the key ${issue.path.join(".")}`
  return new Denied({ status: 400, reason: `Upload-Metadata: ${issue?.message ?? error.message}${key}` })
}
