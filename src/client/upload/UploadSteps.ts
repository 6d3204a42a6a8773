/**
 * The three requests that an upload is made of: create it, find out its offset, append to it. Each one moves the
 * session, or fails.
 */
import type * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Known from "../../time/Known.js"
import type * as NextStep from "../../wire/tus/NextStep.js"
import * as Endpoint from "../requests/Endpoint.js"
import * as Location from "../requests/Location.js"
import * as ResponseReader from "../requests/ResponseReader.js"
import { type Ready, SourceError, type UploadSource } from "../sources/UploadSource.js"
import { Misbehaved, type TusError } from "../transport/TusError.js"
import * as ChunkSize from "./ChunkSize.js"
import * as UploadPosition from "./UploadPosition.js"
import * as UploadSession from "./UploadSession.js"

type Session = UploadSession.UploadSession

interface Step {
  readonly verb: NextStep.Verb
  /** Begins at once, and is run once. */
  readonly step: () => Effect.Effect<void, TusError>
}

/** The step that the position asks for. */
export const next = (session: Session): Step => {
  const { adjustments, position: { place } } = session
  switch (place._tag) {
    case "NotCreated":
      return { verb: adjustments.emptyCreation ? "Create" : "CreateWithUpload", step: () => create(session) }
    case "OffsetUnknown":
      return { verb: "Inspect", step: () => inspect(session, place) }
    case "OffsetKnown":
      return { verb: "Append", step: () => append(session, place) }
  }
}

const create = Known.fn(function*(session: Session) {
  const { adjustments, client, endpoint, isPart, metadata, options: { allowedHosts = [], checksum } } = session
  // The server is asked only if something depends on what it can do.
  const asks = !adjustments.emptyCreation || checksum !== undefined || Option.isNone(session.position.total)
  const known = asks ? yield* UploadSession.capabilities(session) : endpoint.known()
  yield* Endpoint.accepts(endpoint.url, known, session.position.total)
  yield* UploadSession.checksumMode(session)
  session.tried = 0
  const along = adjustments.emptyCreation || !Endpoint.has(known, "creation-with-upload")
    ? Option.none<Ready>()
    : yield* wholeSource(session)
  session.position = {
    ...session.position,
    total: Option.orElse(session.position.total, () => Option.map(along, ({ size }) => size))
  }
  const created = yield* client.create({
    ...UploadSession.atEndpoint(session),
    length: session.position.total,
    metadata,
    partial: isPart,
    chunk: Option.isSome(along) ? yield* UploadSession.chunk(session, 0, along.value.size) : undefined
  })
  if (asks) {
    endpoint.assume()
  }
  const at = yield* Location.check(endpoint.url, created.url, allowedHosts)
  session.position = {
    ...session.position,
    declared: Option.isSome(session.position.total),
    expires: created.expires
  }
  if (Option.isSome(along) && Option.isNone(created.offset)) {
    session.position = UploadPosition.offsetUnknown(session.position, at)
    return
  }
  yield* UploadSession.confirm(session, "Created", at, Option.getOrElse(created.offset, () => 0), created.answer)
})

/** All bytes of the source, if there are so few that they can come along with the creation. */
const wholeSource = ({ endpoint, options }: Session) => {
  const { chunkSize, createWithUpload, source, stopAt = UploadPosition.unlimited } = options
  const limit = Math.min(createWithUpload, endpoint.creationLimit)
  const most = Math.min(limit, ChunkSize.next(chunkSize, endpoint.limit, UploadPosition.unlimited))
  return Known.map(
    source.ready(0, Math.min(most + 1, stopAt)),
    Option.liftPredicate(({ last, size }: Ready) => last && size > 0 && size <= most)
  )
}

const inspect = Known.fn(function*(session: Session, { at, entry }: UploadPosition.OffsetUnknown) {
  const { client, journaled, options: { source }, retry } = session
  const found = yield* client.head(UploadSession.call(session, at))
  const fits = checkLength(source, at.url, found.length)
  if (Option.isSome(entry) && Either.isLeft(fits)) {
    return yield* UploadSession.abandon(session, "Gone")
  }
  yield* fits
  const asked = { method: "HEAD", url: at.url, offset: found.offset, attempts: retry.attempt().attempts }
  if (Option.isNone(found.offset)) {
    return yield* new Misbehaved({
      ...asked,
      reason: "NotTus",
      status: 200,
      text: "",
      expected: "an upload that accepts bytes",
      actual: "a final upload, which consists of parts"
    })
  }
  yield* ResponseReader.between(
    { asked, status: 200 },
    found.offset.value,
    ...UploadPosition.bounds(session.position, source.seekable)
  )
  if (Option.isSome(entry) && !(yield* journaled.verify(entry.value, found.offset.value))) {
    return yield* UploadSession.abandon(session, "Gone")
  }
  const event = UploadPosition.isResuming(session.position) ? "Resumed" : "Acknowledged"
  session.position = { ...session.position, declared: Option.isSome(found.length), expires: found.expires }
  yield* UploadSession.confirm(session, event, at, found.offset.value)
})

const append = Known.fn(function*(session: Session, { at, offset }: UploadPosition.OffsetKnown) {
  const { client, endpoint, options: { chunkSize, source, stopAt = UploadPosition.unlimited }, retry } = session
  const left = Option.getOrElse(session.position.total, () => UploadPosition.unlimited) - offset
  const want = ChunkSize.next(chunkSize, endpoint.limit, left)
  const { last, size } = yield* source.ready(offset, Math.min(want, stopAt - offset))
  session.position = { ...session.position, total: last ? Option.some(offset + size) : session.position.total }
  const length = session.position.declared ? Option.none() : session.position.total
  const bytes = yield* UploadSession.chunk(session, offset, size)
  session.position = UploadPosition.offsetUnknown(session.position, at)
  const appended = yield* client.append({ ...UploadSession.call(session, at), offset, length, chunk: bytes })
  if (appended.offset === offset && size > 0) {
    return yield* new Misbehaved({
      method: "PATCH",
      url: at.url,
      offset: Option.some(offset),
      attempts: retry.attempt().attempts,
      reason: "NoProgress",
      status: 204,
      text: "",
      expected: `an offset above ${offset}`,
      actual: `${offset}`
    })
  }
  session.position = {
    ...session.position,
    declared: session.position.declared || Option.isSome(length),
    expires: appended.expires
  }
  yield* UploadSession.confirm(session, "Acknowledged", at, appended.offset, appended.answer)
})

const checkLength = (
  source: UploadSource,
  url: string,
  length: Option.Option<number>
): Either.Either<void, SourceError> =>
  Option.isSome(length) && Option.isSome(source.length) && length.value !== source.length.value
    ? Either.left(
      new SourceError({
        reason: source.length.value < length.value ? "TooShort" : "TooLong",
        source: source.name,
        detail:
          `it has ${source.length.value} bytes, but the upload ${url} has ${length.value}; choose the same bytes, or begin a new upload`
      })
    )
    : Either.right(undefined)
