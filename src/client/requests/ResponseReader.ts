/**
 * Decodes the responses of any server: strict about what an upload depends on, tolerant about the rest.
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"
import * as HeaderCodec from "../../wire/HeaderCodec.js"
import type { RawResponse } from "../../wire/Message.js"
import * as AppendHeaders from "../../wire/tus/AppendHeaders.js"
import * as CreateHeaders from "../../wire/tus/CreateHeaders.js"
import * as DiscoveryHeaders from "../../wire/tus/DiscoveryHeaders.js"
import * as InspectHeaders from "../../wire/tus/InspectHeaders.js"
import { Misbehaved } from "../transport/TusError.js"
import type { Response } from "./Request.js"
import * as ServerClock from "./ServerClock.js"

/**
 * Decodes a response, or fails with what was expected. An invalid expiry is ignored; a valid one is converted to the
 * time of our clock.
 */
const reader = <A extends Expiring>(
  decode: (headers: RawResponse["headers"]) => Either.Either<A, unknown>,
  expected: string
) =>
(response: Response): Either.Either<A, Misbehaved> =>
  decode(response.headers).pipe(
    Either.orElse(() => decode(Struct.omit(response.headers, "upload-expires"))),
    Either.mapBoth({
      onLeft: () => notTus(response, expected),
      onRight: (read) => ({
        ...read,
        expires: Option.map(read.expires, (at) => ServerClock.toOurs(at, response.clockAhead))
      })
    })
  )

interface Expiring {
  readonly expires: Option.Option<DateTime.Utc>
}

const notTus = (response: Response, expected: string) =>
  new Misbehaved({
    ...response.asked,
    reason: "NotTus",
    status: response.status,
    text: response.body ?? "",
    expected,
    actual: `${response.status} with ${response.headers["content-type"]?.slice(0, 100) ?? "no such header"}`
  })

const Info = Schema.Struct(Struct.omit(InspectHeaders.Response.fields, "cacheControl"))
/** The state of an upload. A final upload that is not assembled yet has no offset. */
export interface Info extends Schema.Schema.Type<typeof Info> {}

const expectedInfo = "the Upload-Offset of an upload"

export const info = (response: Response): Either.Either<Info, Misbehaved> =>
  readInfo(response).pipe(
    Either.filterOrLeft(
      ({ concat, offset }) => Option.isSome(offset) || Option.exists(concat, (kind) => kind.startsWith("final")),
      () => notTus(response, expectedInfo)
    )
  )

const readInfo = reader(Schema.decodeUnknownEither(Info), expectedInfo)

/** The absolute URL of the new upload, and its offset if the creation carried `size` bytes. */
export const created = (response: Response, size: number) =>
  Either.flatMap(readCreated(response), ({ expires, location, offset }) => {
    if (location.length > longestLocation || !URL.canParse(location, response.asked.url)) {
      return Either.left(notTus(response, expectedCreated))
    }
    const { href: url } = new URL(location, response.asked.url)
    return Either.map(
      Option.isSome(offset) ? between(response, offset.value, 0, size) : Either.right(0),
      () => ({ url, offset, expires, answer: raw(response) })
    )
  })

/** In characters. Most servers do not accept a longer URL in the next request. */
const longestLocation = 4096

const expectedCreated = "201 with the URL of the upload as Location"
const readCreated = reader(HeaderCodec.decoder(CreateHeaders.Response), expectedCreated)

/** The offset of the upload after `size` bytes were sent at `start`. */
export const appended = (response: Response, start: number, size: number) =>
  Either.flatMap(
    readAppended(response),
    ({ expires, offset }) =>
      Either.map(between(response, offset, start, start + size), () => ({ offset, expires, answer: raw(response) }))
  )

const readAppended = reader(HeaderCodec.decoder(AppendHeaders.Response), "204 with the new Upload-Offset")

const raw = (response: Response): RawResponse => Struct.omit(response, "asked", "clockAhead")

/** Fails if the server reports an offset that it cannot have. */
export const between = (
  { asked, body = "", status }: Pick<Response, "asked" | "body" | "status">,
  offset: number,
  from: number,
  to: number
): Either.Either<number, Misbehaved> =>
  offset >= from && offset <= to
    ? Either.right(offset)
    : Either.left(
      new Misbehaved({
        ...asked,
        reason: offset < from ? "OffsetBehind" : "OffsetBeyond",
        status,
        text: body,
        expected: `an offset from ${from} to ${to}`,
        actual: `${offset}`
      })
    )

/**
 * What the server supports; Option.none if the response is not of a tus server. Headers that cannot be decoded are left
 * out.
 */
export const capabilities = (headers: RawResponse["headers"]): Option.Option<DiscoveryHeaders.Response> =>
  Option.firstSomeOf(
    [[], ["tus-max-size"], ["tus-max-size", "tus-extension", "tus-checksum-algorithm"]].map((unread) =>
      decodeCapabilities(Struct.omit(headers, ...unread))
    )
  )

const decodeCapabilities = Schema.decodeUnknownOption(DiscoveryHeaders.Response)
