/**
 * Upload-Concat: a part, or the whole made of parts.
 *
 * @see https://tus.io/protocols/resumable-upload#concatenation
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Refusal from "./Refusal.js"
import { Bytes, type Upload, UploadId } from "./Upload.js"

const Url = Schema.String.pipe(Schema.pattern(/^[\x21-\x3a\x3c-\x7e]+$/))

export const Partial = Schema.TaggedStruct("Partial", {})
export const Final = Schema.TaggedStruct("Final", { urls: Schema.NonEmptyArray(Url) })
export const Concat = Schema.Union(Partial, Final)
export type Concat = typeof Concat.Type

const isUrls = Schema.is(Schema.NonEmptyArray(Url))

const parse = (header: string): Either.Either<Concat, string> => {
  if (header === "partial") {
    return Either.right(Partial.make())
  }
  if (!header.startsWith("final;")) {
    return Either.left(`expected "partial" or "final;" and the URLs of the partial uploads`)
  }
  const urls = header.slice("final;".length).split(" ").filter((url) => url !== "")
  return isUrls(urls)
    ? Either.right(Final.make({ urls }))
    : Either.left("expected the URL of at least one partial upload")
}

export const FromHeader: Schema.Schema<Concat, string> = Schema.transformOrFail(
  Schema.String,
  Schema.typeSchema(Concat),
  {
    strict: true,
    decode: (header, _, ast) => Either.mapLeft(parse(header), (reason) => new ParseResult.Type(ast, header, reason)),
    encode: (concat) => ParseResult.succeed(concat._tag === "Partial" ? "partial" : `final;${concat.urls.join(" ")}`)
  }
)

const decodeId = Schema.decodeOption(UploadId)

/** The parts a final upload names, in order. Each URL must lie directly under the collection that is posted to. */
export const idsOf = (
  { urls }: typeof Final.Type,
  collection: string
): Either.Either<readonly [UploadId, ...Array<UploadId>], Refusal.InvalidHeader> => {
  const [first, ...rest] = urls
  const idOf = (url: string) => {
    const path = url.replace(/^https?:\/\/[^/]*/, "")
    const id = path.startsWith(`${collection}/`) ? decodeId(path.slice(collection.length + 1)) : Option.none()
    return Either.fromOption(id, () =>
      new Refusal.InvalidHeader({
        header: "upload-concat",
        reason: `expected URLs of partial uploads under ${collection}/`,
        actual: Option.some(url)
      }))
  }
  return Either.gen(function*() {
    return [yield* idOf(first), ...(yield* Either.all(rest.map(idOf)))] as const
  })
}

const isBytes = Schema.is(Bytes)

/** The length of a final upload, as soon as the length of every part is known; none where the sum is beyond 2^53-1. */
export const lengthOf = (parts: ReadonlyArray<Upload>): Option.Option<Bytes> =>
  Option.all(parts.map((part) => part.length)).pipe(
    Option.map((lengths) => lengths.reduce((sum, length) => sum + length, 0)),
    Option.filter(isBytes)
  )
