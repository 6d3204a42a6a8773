/**
 * tus 1.0.0 as a dialect: it decodes requests and encodes answers.
 *
 * Reasons to refuse a request are checked in this order: method (405), version (412), path (404), headers in the order
 * of the verb's `Request` (415, 400), then the verb's `decide` from top to bottom.
 *
 * @see https://tus.io/protocols/resumable-upload
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { Addition } from "../../protocol/Addition.js"
import { Command } from "../../protocol/Command.js"
import type { Policy } from "../../protocol/Policy.js"
import * as Refusal from "../../protocol/Refusal.js"
import type { Reply } from "../../protocol/Reply.js"
import type { Dialect } from "../Dialect.js"
import * as Download from "../Download.js"
import * as Header from "../Header.js"
import * as HeaderCodec from "../HeaderCodec.js"
import * as HttpRefusal from "../HttpRefusal.js"
import { canonical, type Headers, type RawResponse } from "../Message.js"
import * as Target from "../Target.js"
import * as AppendHeaders from "./AppendHeaders.js"
import * as BodyHeaders from "./BodyHeaders.js"
import * as CreateHeaders from "./CreateHeaders.js"
import * as DiscoveryHeaders from "./DiscoveryHeaders.js"
import * as InspectHeaders from "./InspectHeaders.js"
import { wordsOf } from "./Refuse.js"

const tus = ["OPTIONS", "POST", "HEAD", "PATCH", "DELETE"] as const
const all = [...tus, "GET"] as const

/**
 * What the request asks for, or the refusal: `MethodNotAllowed` (405), `UploadNotFound` (404) if the URL names no
 * upload of this collection, `InvalidHeader` (412 for the version, 415 for the media type or the coding of a PATCH,
 * otherwise 400). `X-HTTP-Method-Override` takes precedence over the method. OPTIONS is answered on every path and for
 * every version.
 */
export const decode: Dialect["decode"] = (raw, mount) => {
  const methods: ReadonlyArray<typeof all[number]> = mount.downloads === true ? all : tus
  const asked = raw.headers["x-http-method-override"] ?? raw.method
  const name = asked.toUpperCase()
  const method = methods.find((method) => method === name)
  if (method === undefined) {
    return Either.left(new HttpRefusal.MethodNotAllowed({ method: asked, allow: methods }))
  }
  if (method === "OPTIONS") {
    return Either.right(discover)
  }
  // A browser that downloads does not know tus.
  const version = decodeVersion(raw.headers)
  if (method !== "GET" && Either.isLeft(version)) {
    return Either.left(version.left)
  }
  const target = Target.of(raw.url, mount)
  if (method === "POST") {
    const collection = Target.collection(target)
    if (Option.isNone(collection)) {
      return Either.left(
        Target.isBelow(target)
          ? new HttpRefusal.MethodNotAllowed({ method, allow: methods.filter((m) => m !== "POST") })
          : new Refusal.UploadNotFound({ id: raw.url })
      )
    }
    return decodeCreate(raw.headers).pipe(
      Either.flatMap((request) => CreateHeaders.read(request, collection.value)),
      Either.map((request) => Command.Create({ collection: collection.value, request }))
    )
  }
  if (Target.isCollection(target)) {
    return Either.left(new HttpRefusal.MethodNotAllowed({ method, allow: ["OPTIONS", "POST"] }))
  }
  const upload = Target.upload(target)
  if (Option.isNone(upload)) {
    return Either.left(new Refusal.UploadNotFound({ id: target.name }))
  }
  const id = upload.value
  switch (method) {
    case "GET":
      return Either.right(Command.Download({ id, request: Download.decode(raw.headers) }))
    case "HEAD":
      return Either.right(Command.Inspect({ id }))
    case "PATCH":
      return Either.map(
        decodeAppend(raw.headers),
        (request) => Command.Append({ id, request: AppendHeaders.read(request) })
      )
    case "DELETE":
      return Either.right(Command.Terminate({ id }))
  }
}

const discover = Command.Discover()

/** Refuses the first header that the Schema does not accept. */
const refusing = <A>(decode: (headers: Headers) => Either.Either<A, ParseResult.ParseError>) =>
(
  headers: Headers
): Either.Either<A, HttpRefusal.InvalidHeader> =>
  Either.mapLeft(decode(headers), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const header = String(issue?.path[0])
    const actual = headers[header]
    return HttpRefusal.invalidHeader(
      header,
      actual === undefined ? expected[header] ?? "expected" : issue?.message ?? error.message,
      actual
    )
  })

const expected: Record<string, string> = {
  "tus-resumable": `expected ${DiscoveryHeaders.version}`,
  "content-type": `expected ${BodyHeaders.octets}`,
  "upload-offset": "expected the offset at which the body continues, in bytes"
}

class Versioned extends Schema.Class<Versioned>("effect-tus/TusDialect/Versioned")({
  version: Header.required("tus-resumable", Header.literal(DiscoveryHeaders.version))
}) {}

const decodeVersion = refusing(HeaderCodec.decoder(Versioned))
const decodeCreate = refusing(HeaderCodec.decoder(CreateHeaders.Request))
const decodeAppend = refusing(HeaderCodec.decoder(AppendHeaders.Request))

/** The response to a command that was performed. All have `Tus-Resumable`. */
export const encode: Dialect["encode"] = ({ addition, reply }) => {
  const response = encodeReply(reply)
  return addition === undefined ? response : add(response, addition)
}

const encodeReply = (reply: Reply): RawResponse => {
  switch (reply._tag) {
    case "Appended":
      return respond(204, encodeAppended(reply))
    case "Created":
      return respond(201, encodeCreated({ location: reply.url, offset: reply.offset, expires: reply.expires }))
    case "Downloaded": {
      const { headers, status } = Download.encode(reply)
      return respond(status, headers)
    }
    case "Inspected":
      return respond(200, encodeInspected(InspectHeaders.fieldsOf(reply)))
    case "Offered":
      return offerOf(reply.policy)
    case "Terminated":
      return respond(204, {})
  }
}

const encodeAppended = HeaderCodec.fieldsEncoder(AppendHeaders.Response.fields)
const encodeCreated = HeaderCodec.fieldsEncoder(CreateHeaders.Response.fields)
const encodeInspected = HeaderCodec.fieldsEncoder(InspectHeaders.Response.fields)
const encodeDiscovery = HeaderCodec.fieldsEncoder(DiscoveryHeaders.Response.fields)

const common = { "tus-resumable": DiscoveryHeaders.version }

const respond = (status: number, headers: RawResponse["headers"]): RawResponse => ({
  status,
  headers: { ...common, ...headers }
})

/** The response to OPTIONS is the same each time, so it is encoded once. */
const offerOf = (policy: Policy): RawResponse => {
  const response = offers.get(policy) ?? respond(204, encodeDiscovery(DiscoveryHeaders.respond(policy)))
  offers.set(policy, response)
  return response
}

const offers = new WeakMap<Policy, RawResponse>()

/** A 204 has no body, so it becomes a 200. */
const add = ({ headers, status }: RawResponse, { body, headers: added }: Addition): RawResponse =>
  body === undefined
    ? { status, headers: { ...added, ...headers } }
    : { status: status === 204 ? 200 : status, headers: { ...text, ...added, ...headers }, body }

/**
 * The response to a refusal, with the fields that belong to its status: `Allow` (405), `Tus-Version` (412),
 * `Accept-Encoding` (415 for a coding), `Content-Range` (416), and a `Retry-After` of one second (423 and 503), unless
 * `Denied` has its own.
 */
export const refuse: Dialect["refuse"] = (refusal) => {
  const { about, headers, status } = wordsOf(refusal)
  return sentence(status, about === undefined ? refusal.message : `${about}: ${refusal.message}`, headers)
}

/** A response that is one sentence for a person. `headers` cannot replace `Tus-Resumable`. */
export const sentence: Dialect["sentence"] = (status, message, headers = {}) => ({
  status,
  headers: { ...text, ...headers, ...common },
  body: `${message}\n`
})

const text = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }

/** The names of the fields that only tus has. */
const own = (...classes: ReadonlyArray<{ readonly fields: Schema.Struct.Fields }>) =>
  Array.from(new Set(classes.flatMap(({ fields }) => HeaderCodec.namesOf(fields))))
    .filter((name) => /^(tus|upload)-/.test(name))
    .map(canonical)

/** The dialect as a value, for doors. */
export const dialect: Dialect = {
  name: "tus",
  decode,
  encode,
  refuse,
  sentence,
  fields: {
    request: [...own(Versioned, CreateHeaders.Request, AppendHeaders.Request), "X-HTTP-Method-Override"],
    response: own(
      Versioned,
      CreateHeaders.Response,
      AppendHeaders.Response,
      InspectHeaders.Response,
      DiscoveryHeaders.Response
    )
  }
}
