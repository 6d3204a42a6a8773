/**
 * One upload in this session: what its requests need, and how far it has come. The loop and the requests are elsewhere.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Known from "../../time/Known.js"
import type { RawResponse } from "../../wire/Message.js"
import type { JournalEntry } from "../journal/UploadJournal.js"
import * as Chunks from "../requests/Chunks.js"
import type * as Endpoint from "../requests/Endpoint.js"
import * as Location from "../requests/Location.js"
import { TusClient } from "../requests/TusClient.js"
import type { TusError } from "../transport/TusError.js"
import * as Inherited from "./Inherited.js"
import * as JournaledUpload from "./JournaledUpload.js"
import type { Progress } from "./Progress.js"
import type * as ProgressCounter from "./ProgressCounter.js"
import type * as RecoveryPlan from "./RecoveryPlan.js"
import type * as Retry from "./Retry.js"
import type { WithDefaults } from "./UploadOptions.js"
import * as UploadPosition from "./UploadPosition.js"

/** What the upload is of. */
export interface Part {
  readonly key: JournaledUpload.Key
  /** How many parts the source has, 1 if this is all of it. */
  readonly count: number
}

export interface UploadSession {
  readonly options: WithDefaults<unknown>
  readonly client: TusClient["Type"]
  readonly endpoint: Endpoint.Endpoint
  readonly counter: ProgressCounter.ProgressCounter
  readonly retry: Retry.Retry<unknown>
  readonly journaled: JournaledUpload.JournaledUpload
  readonly isPart: boolean
  /** As an Upload-Metadata header. */
  readonly metadata: Option.Option<string>
  /** What earlier sessions left of the source and was not tried yet, the one with most bytes first. */
  readonly candidates: Array<JournalEntry>
  /** The one of them that is this upload, until bytes are added to it. */
  inherited: Option.Option<JournalEntry>
  position: UploadPosition.UploadPosition
  adjustments: RecoveryPlan.Adjustments
  /** Bytes of the last request. */
  tried: number
}

export const make = Known.fn(function*(
  options: WithDefaults<unknown>,
  { counter, endpoint, part, retry }: Pick<UploadSession, "counter" | "endpoint" | "retry"> & {
    readonly part: Part | undefined
  }
) {
  const { checksum, source } = options
  const { count, key } = part ?? { count: 1, key: yield* JournaledUpload.keyOf(endpoint.url, source) }
  const isPart = count > 1
  const metadata = isPart ? options.uploadMetadata : JournaledUpload.metadataOf(options, key)
  const journaled = yield* JournaledUpload.make(endpoint.url, source, key, {
    metadata,
    checksum: Option.fromNullable(checksum),
    parts: count
  })
  const session: UploadSession = {
    options,
    client: yield* TusClient,
    endpoint,
    counter,
    retry,
    journaled,
    isPart,
    metadata: isPart ? Option.none() : metadata,
    candidates: options.url === undefined ? Arr.sort(journaled.candidates, Inherited.mostFirst) : [],
    inherited: Option.none(),
    position: UploadPosition.notCreated(source.length),
    adjustments: { emptyCreation: isPart || options.createWithUpload === 0, recreated: false, resynced: false },
    tried: 0
  }
  begin(session)
  return session
})

/** Takes the upload that the application named, or the next of the candidates; without any it is to be created. */
const begin = (session: UploadSession) => {
  session.inherited = Option.fromNullable(session.candidates.shift())
  const url = session.options.url ?? Option.getOrUndefined(Option.map(session.inherited, ({ url }) => url))
  const { total } = session.position
  session.position = url === undefined
    ? UploadPosition.notCreated(total)
    : UploadPosition.existing(total, locate(session, url), session.inherited)
}

/** The upload of the earlier session is of no use: the next candidate takes its place, or a new upload. */
export const abandon = (session: UploadSession, why: "Gone" | "Refused", problem?: TusError) =>
  Effect.map(session.journaled.replace(why, Option.getOrUndefined(session.inherited)), () => {
    begin(session)
    if (session.position.place._tag === "NotCreated") {
      session.counter.lost(problem)
    }
  })

/** The server has lost the upload: all of it is sent anew. */
export const recreate = (session: UploadSession, problem: TusError) =>
  Effect.suspend(() => {
    adjust(session, { recreated: true })
    session.position = UploadPosition.notCreated(session.position.total)
    session.counter.lost(problem)
    return session.journaled.replace("Gone")
  })

export const adjust = (session: UploadSession, adjustments: Partial<RecoveryPlan.Adjustments>) => {
  session.adjustments = { ...session.adjustments, ...adjustments }
}

const locate = ({ endpoint }: UploadSession, url: string): Location.Location => ({
  url,
  crossOrigin: !Location.isSameOrigin(endpoint.url, url)
})

/** What every request needs: its URL, and what is known of the attempts before it. */
export const call = ({ retry }: UploadSession, { crossOrigin, url }: Location.Location) => ({
  url,
  anonymous: crossOrigin,
  ...retry.attempt()
})

export const atEndpoint = (session: UploadSession) => call(session, locate(session, session.endpoint.url))

/** What the server can do. If it cannot be asked, the upload goes on: the next answer tells as well. */
export const capabilities = (session: UploadSession) => {
  const asked = session.endpoint.capabilities(session.client.discover(atEndpoint(session)))
  return Known.exit(asked) === undefined ? Effect.orElseSucceed(asked, session.endpoint.known) : asked
}

/** How chunks are checked. Without a checksum the server is not asked what it can do. */
export const checksumMode = (session: UploadSession) => {
  const { client, endpoint, options: { checksum } } = session
  return checksum === undefined
    ? Exit.succeed(Chunks.unchecked)
    : Known.flatMap(
      capabilities(session),
      (known) => Chunks.modeOf(endpoint.url, checksum, known, client.trailers)
    )
}

/** The next `size` bytes, as a request carries them. From here on the server may have them. */
export const chunk = (session: UploadSession, offset: number, size: number) =>
  Known.flatMap(checksumMode(session), (checksumMode) => {
    const { counter, journaled, options: { source } } = session
    let sent = offset
    session.tried = size
    session.position = UploadPosition.sending(session.position, offset + size)
    return Chunks.make(source, offset, size, checksumMode, {
      observe: journaled.observe,
      observed: journaled.write,
      onSent: (bytes) => {
        sent += bytes
        counter.sent(sent)
      }
    })
  })

/** The server has the bytes before `offset`. */
export const confirm = Known.fn(function*(
  session: UploadSession,
  event: Progress["event"],
  at: Location.Location,
  offset: number,
  answer?: RawResponse
) {
  const { counter, journaled, options: { source }, retry } = session
  const moved = offset > session.position.furthest
  session.position = UploadPosition.confirmed(session.position, at, offset)
  counter.acknowledged(event, at.url, session.position.total, offset, answer)
  if (moved) {
    session.inherited = event === "Resumed" ? session.inherited : Option.none()
    adjust(session, { resynced: false })
    retry.renew()
  }
  yield* source.release(offset)
  // What its creation has completed is in no journal, and nobody continues it. A part is remembered until all parts are
  // joined.
  if (event !== "Created" || session.isPart || !UploadPosition.isComplete(session.position)) {
    yield* journaled.note({ url: at.url, acknowledged: offset, expires: session.position.expires })
  }
})
