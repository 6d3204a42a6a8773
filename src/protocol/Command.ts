/**
 * What a client can ask for, read from the shape every HTTP request has.
 *
 * The order in which a request is refused, for all verbs: method (405), version (412), path (404), headers in the order
 * of the verb's `Request` (415, 400), then the verb's `decide`, line by line.
 */
import * as Data from "effect/Data"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Append from "./Append.js"
import * as BodyHeaders from "./BodyHeaders.js"
import * as Create from "./Create.js"
import * as Discovery from "./Discovery.js"
import * as Download from "./Download.js"
import * as Header from "./Header.js"
import * as HeaderCodec from "./HeaderCodec.js"
import * as Refusal from "./Refusal.js"
import { UploadId } from "./Upload.js"

/**
 * A request that was understood: one member for each verb of tus, with what its headers say. GET, which tus leaves
 * open, is `Download`; DELETE is `Terminate`. Whether the upload exists is not known yet.
 */
export type Command = Data.TaggedEnum<{
  Discover: {}
  /** `collection` is where clients see it: a path, or a URL. */
  Create: { readonly collection: string; readonly request: Create.Request }
  Download: { readonly id: UploadId; readonly request: Download.Request }
  Inspect: { readonly id: UploadId }
  Append: { readonly id: UploadId; readonly request: Append.Request }
  Terminate: { readonly id: UploadId }
}>

export const Command = Data.taggedEnum<Command>()

/** Whether the body of the request goes into an upload. */
export const takesBody = (command: Command): boolean =>
  command._tag === "Append" || (command._tag === "Create" && command.request.withUpload)

/** The head of a request, in the shape that every door can give it. */
export interface RawRequest {
  readonly method: string
  /** The target of the request as the client sees it, with its path in full. */
  readonly url: string
  /** By lower-case name; several lines of one field joined by a comma. */
  readonly headers: HeaderCodec.Headers
  /** The IP address of whoever has made the connection, be it a proxy; left out where it is not known. */
  readonly remoteAddress?: string | undefined
}

const tus = ["OPTIONS", "POST", "HEAD", "PATCH", "DELETE"] as const
const all = [...tus, "GET"] as const

/** What a server knows of its own URLs, and whether it gives away what was uploaded. */
export interface Options {
  /**
   * The path of the collection. Where it is left out, the collection is whatever is posted to, and the id of an upload
   * is the last segment of its path: whoever mounts the handler has chosen the path.
   */
  readonly path?: string | undefined
  /** What the client sees before the path; proxies may have cut it off. Nothing by default. */
  readonly base?: string | undefined
  /** Whether GET is a method here. Not by default. */
  readonly downloads?: boolean | undefined
}

/**
 * What the request asks for, or why it cannot be asked here: `MethodNotAllowed` (405), `UploadNotFound` (404) where the
 * URL names no upload of this collection, `InvalidHeader` (412 for the version, 415 for the type or the coding of a
 * PATCH, else 400). `X-HTTP-Method-Override` goes before the method. OPTIONS is answered on every path and whatever its
 * version.
 */
export const decode = (
  raw: RawRequest,
  { base = "", downloads = false, path }: Options = {}
): Either.Either<Command, Refusal.Refusal> => {
  const methods: ReadonlyArray<typeof all[number]> = downloads ? all : tus
  const asked = raw.headers["x-http-method-override"] ?? raw.method
  const name = asked.toUpperCase()
  const method = methods.find((method) => method === name)
  if (method === undefined) {
    return Either.left(new Refusal.MethodNotAllowed({ method: asked, allow: methods }))
  }
  if (method === "OPTIONS") {
    return Either.right(options)
  }
  // A browser that downloads knows nothing of tus.
  const version = decodeVersion(raw.headers)
  if (method !== "GET" && Either.isLeft(version)) {
    return Either.left(version.left)
  }
  const target = pathOf(raw.url)
  const [, parent = "", last = ""] = /^(.*)\/([^/]*)$/.exec(target) ?? []
  if (method === "POST") {
    if (path !== undefined && target !== path) {
      return Either.left(
        parent === path
          ? new Refusal.MethodNotAllowed({ method, allow: methods.filter((m) => m !== "POST") })
          : new Refusal.UploadNotFound({ id: raw.url })
      )
    }
    return Either.map(
      decodeCreate(raw.headers),
      (request) => Command.Create({ collection: `${base}${onHost(target)}`, request })
    )
  }
  if (target === path) {
    return Either.left(new Refusal.MethodNotAllowed({ method, allow: ["OPTIONS", "POST"] }))
  }
  const id = decodeId(last)
  if (Option.isNone(id) || (path !== undefined && parent !== path)) {
    return Either.left(new Refusal.UploadNotFound({ id: last }))
  }
  switch (method) {
    case "GET":
      return Either.map(decodeDownload(raw.headers), (request) => Command.Download({ id: id.value, request }))
    case "HEAD":
      return Either.right(Command.Inspect({ id: id.value }))
    case "PATCH":
      return Either.map(decodePatch(raw.headers), (request) => Command.Append({ id: id.value, request }))
    case "DELETE":
      return Either.right(Command.Terminate({ id: id.value }))
  }
}

const options = Command.Discover()

/**
 * The path of a request target in any of its forms, without query, fragment or slash at the end. Looks behind itself to
 * find the end in linear time: without, a target of 64 KiB of slashes takes seconds.
 */
const pathOf = (url: string) =>
  url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "").replace(/(?<!\/)\/+$/, "")

/**
 * The path as it may stand in a URL, where nobody can read the name of a host in it: to browsers a backslash is a
 * slash, and a tab or the end of a line is nothing.
 */
const onHost = (path: string) => {
  const rest = path.replace(/[\0-\x20\x7f]/g, encodeURIComponent).replace(/^[/\\]+/, "")
  return rest === "" ? "" : `/${rest}`
}

const decodeId = Schema.decodeOption(UploadId)

/** The first header the schema dislikes becomes the refusal. */
const refusing = <A>(decode: (headers: HeaderCodec.Headers) => Either.Either<A, ParseResult.ParseError>) =>
(
  headers: HeaderCodec.Headers
): Either.Either<A, Refusal.InvalidHeader> =>
  Either.mapLeft(decode(headers), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const header = String(issue?.path[0])
    const actual = Option.fromNullable(headers[header])
    return new Refusal.InvalidHeader({
      header,
      reason: Option.isNone(actual) ? expected[header] ?? "expected" : issue?.message ?? error.message,
      actual
    })
  })

const expected: Record<string, string> = {
  "tus-resumable": `expected ${Discovery.version}`,
  "content-type": `expected ${BodyHeaders.octets}`,
  "upload-offset": "expected the offset at which the body continues, in bytes"
}

class Versioned extends Schema.Class<Versioned>("effect-tus/Command/Versioned")({
  version: Header.required("tus-resumable", Header.literal(Discovery.version))
}) {}

const decodeVersion = refusing(HeaderCodec.decoder(Versioned))
const decodeCreate = refusing(HeaderCodec.decoder(Create.Request))
const decodeDownload = refusing(HeaderCodec.decoder(Download.Request))
const decodePatch = refusing(HeaderCodec.decoder(Append.Request))
