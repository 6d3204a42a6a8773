/**
 * Upload-Concat: a part, or the whole made of parts.
 *
 * @see https://tus.io/protocols/resumable-upload#concatenation
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { Asked, Part } from "../../protocol/Concat.js"
import { UploadId } from "../../protocol/Upload.js"
import * as HttpRefusal from "../HttpRefusal.js"

const Url = Schema.String.pipe(Schema.pattern(/^[\x21-\x3a\x3c-\x7e]+$/))

/** `Upload-Concat: partial`: the upload is to become a part of another. */
export const Partial = Schema.TaggedStruct("Partial", {})

/**
 * `Upload-Concat: final;` and the URLs of the parts, in order, as the client wrote them.
 */
export const Final = Schema.TaggedStruct("Final", { urls: Schema.NonEmptyArray(Url) })

/** What the header says. A whole upload has no such header. */
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

/**
 * The header: `partial`, or `final;` and at least one URL, separated by spaces. Fails on everything else.
 */
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

const withoutHost = (url: string) => url.replace(/^https?:\/\/[^/]*/, "")

/**
 * The parts that a final upload names, in order. Each URL must be directly below the collection, as the client sees it.
 * The host does not matter.
 */
export const partsOf = (
  { urls }: typeof Final.Type,
  collection: string
): Either.Either<ReadonlyArray<Part>, HttpRefusal.InvalidHeader> => {
  const parent = `${withoutHost(collection)}/`
  return Either.all(urls.map((url) => {
    const [path = ""] = withoutHost(url).split("?")
    const id = path.startsWith(parent) ? decodeId(path.slice(parent.length)) : Option.none()
    return Either.fromOption(
      Option.map(id, (id) => ({ id, url })),
      () => HttpRefusal.invalidHeader("upload-concat", `expected URLs of partial uploads under ${collection}/`, url)
    )
  }))
}

/** The kind of upload that the header asks for; whole without the header. */
export const kindOf = (
  concat: Option.Option<Concat>,
  collection: string
): Either.Either<Asked, HttpRefusal.InvalidHeader> =>
  Option.isNone(concat)
    ? Either.right({ _tag: "Whole" })
    : concat.value._tag === "Partial"
    ? Either.right({ _tag: "Partial" })
    : Either.map(partsOf(concat.value, collection), (parts) => ({
      _tag: "Final",
      parts,
      concat: `final;${parts.map(({ url }) => url).join(" ")}`
    }))
