/**
 * One upload, step by step: where it stands, and what comes next. Everything that happens to an upload happens here;
 * streams and parallel uploads are made of it.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as NextStep from "../../protocol/NextStep.js"
import type { RawResponse } from "../../protocol/Reply.js"
import type { JournalEntry } from "../journal/UploadJournal.js"
import * as Chunks from "../requests/Chunks.js"
import * as Endpoint from "../requests/Endpoint.js"
import * as Location from "../requests/Location.js"
import * as ResponseReader from "../requests/ResponseReader.js"
import { TusClient } from "../requests/TusClient.js"
import { type Ready, SourceError, type UploadSource } from "../sources/UploadSource.js"
import { Misbehaved, type TusError } from "../transport/TusError.js"
import * as ChunkSize from "./ChunkSize.js"
import * as Inherited from "./Inherited.js"
import * as JournaledUpload from "./JournaledUpload.js"
import * as Lesson from "./Lesson.js"
import type { Progress } from "./Progress.js"
import * as ProgressCounter from "./ProgressCounter.js"
import * as Retry from "./Retry.js"
import type { Settled } from "./UploadOptions.js"
import * as UploadPosition from "./UploadPosition.js"

export interface Uploader<R = never> {
  /**
   * Sends one chunk, whatever it takes: creates the upload or finds it again, asks where it stands, tries again as the
   * schedule allows. Returns where the upload is then. Once it is complete or has come to `stopAt` it sends nothing
   * more. When it is interrupted the request has ended, and another call goes on.
   */
  readonly next: Effect.Effect<Progress, TusError, R>
  /** One chunk after the other, until there is nothing more to send. */
  readonly all: Effect.Effect<Progress, TusError, R>
  readonly progress: Effect.Effect<Progress>
  /** Removes the upload from the server and from the journal. */
  readonly terminate: Effect.Effect<void, TusError, R>
  /**
   * Removes a part from the journal: it is needed until all are joined. Any other upload is not in it once it is
   * complete.
   */
  readonly forget: Effect.Effect<void>
  /** Writes down where the upload stands; nothing is called any more. */
  readonly close: Effect.Effect<void>
}

/** Whether `next` has nothing more to do. */
export const isDone = ({ event }: Progress) => event === "Complete" || event === "Stopped"

/** How long the server is given to remove an upload that was interrupted. */
export const farewell = "5 seconds"

/** What attempts have taught, in this session. */
interface Lessons {
  /** Bytes of the last chunk. */
  readonly tried: number
  /** The creation brings no bytes along. */
  readonly alone: boolean
  readonly recreated: boolean
  /** A conflict has been answered by asking, and nothing has moved since. */
  readonly resynced: boolean
}

/** Of what it is the upload. */
export interface Part {
  readonly key: JournaledUpload.Key
  /** How many parts the source has, 1 where this is all of it. */
  readonly count: number
}

export const make = Effect.fnUntraced(function*<R>(
  options: Settled<R>,
  onProgress: (progress: Progress) => void = () => {},
  part?: Part
): Effect.fn.Return<Uploader<R>, SourceError, TusClient> {
  const { allowedHosts = [], checksum, chunkSize, source, stopAt = UploadPosition.unlimited } = options
  const client = yield* TusClient
  const endpoint = client.endpoint(options.endpoint)
  const tally = yield* ProgressCounter.make(source.length, onProgress)
  const { count, key } = part ?? { count: 1, key: yield* JournaledUpload.keyOf(source) }
  const partial = count > 1
  const metadata = partial ? options.uploadMetadata : yield* JournaledUpload.metadataOf(options, endpoint.url, key)
  const remembered = yield* JournaledUpload.make(endpoint.url, source, key, {
    metadata,
    checksum: Option.fromNullable(checksum),
    parts: count
  })
  const retry = yield* Retry.make(options.retry, endpoint, tally.failed)
  const candidates = options.url === undefined ? Arr.sort(remembered.candidates, Inherited.mostFirst) : []
  let inherited = Option.none<JournalEntry>()

  let standing = UploadPosition.nowhere(source.length)
  let lessons: Lessons = {
    tried: 0,
    alone: partial || options.createWithUpload === 0,
    recreated: false,
    resynced: false
  }
  const stand = (next: UploadPosition.Standing) => {
    standing = next
  }
  const learn = (lesson: Partial<Lessons>) => {
    lessons = { ...lessons, ...lesson }
  }

  /** The uploads of other sessions are tried in turn; then one is created. */
  const begin = Effect.sync(() => {
    inherited = Option.fromNullable(candidates.shift())
    const url = options.url ?? Option.getOrUndefined(Option.map(inherited, ({ url }) => url))
    stand(
      url === undefined
        ? UploadPosition.nowhere(standing.total)
        : UploadPosition.found(standing.total, locate(url), inherited)
    )
  })
  /** What another session left is of no use, or not to be had: the next is, or a new one. */
  const leave = (why: "Gone" | "Refused", entry: JournalEntry, problem?: TusError) =>
    Effect.zipRight(
      remembered.replace(why, entry),
      Effect.map(begin, () => standing.place._tag === "Nowhere" ? tally.lost(problem) : undefined)
    )
  const locate = (url: string): Location.Location => ({ url, foreign: !Location.isSame(endpoint.url, url) })
  const call = ({ foreign, url }: Location.Location) => ({ url, anonymous: foreign, ...retry.call() })
  /** Whatever keeps a server from saying what it can do keeps nobody from uploading: the next answer tells as well. */
  const capabilities = Effect.suspend(() => endpoint.capabilities(client.discover(call(locate(endpoint.url))))).pipe(
    Effect.orElseSucceed(endpoint.known)
  )

  /** The server has the bytes before `offset`. */
  const confirm = Effect.fnUntraced(function*(
    event: Progress["event"],
    at: Location.Location,
    offset: number,
    answer?: RawResponse
  ) {
    const moved = offset > standing.furthest
    stand(UploadPosition.confirmed(standing, at, offset))
    tally.acknowledged(event, at.url, standing.total, offset, answer)
    if (moved) {
      inherited = event === "Resumed" ? inherited : Option.none()
      learn({ resynced: false })
      yield* retry.renew
    }
    yield* source.release(offset)
    yield* remembered.note({ url: at.url, acknowledged: offset, expires: standing.expires })
  })

  const chunk = (offset: number, size: number) =>
    Effect.flatMap(capabilitiesFor(checksum), (checking) => {
      let sent = offset
      learn({ tried: size })
      stand(UploadPosition.sending(standing, offset + size))
      return Chunks.make(source, offset, size, checking, {
        observe: remembered.observe,
        observed: remembered.write,
        onSent: (bytes) => {
          sent += bytes
          tally.sent(sent)
        }
      })
    })
  /** Nothing has to be asked where nothing is wanted. */
  const capabilitiesFor = (algorithm: typeof checksum) =>
    algorithm === undefined
      ? Effect.succeed(Chunks.unchecked)
      : Effect.flatMap(capabilities, (known) => Chunks.checking(endpoint.url, algorithm, known, client.trailers))

  const create = Effect.gen(function*() {
    // Nothing is asked where nothing depends on it.
    const asks = !lessons.alone || checksum !== undefined || Option.isNone(standing.total)
    const known = asks ? yield* capabilities : endpoint.known()
    yield* Endpoint.accepts(endpoint.url, known, standing.total)
    yield* capabilitiesFor(checksum)
    learn({ tried: 0 })
    const limit = Math.min(options.createWithUpload, endpoint.along)
    const most = Math.min(limit, ChunkSize.next(chunkSize, endpoint.limit, UploadPosition.unlimited))
    const along = lessons.alone || !Endpoint.has(known, "creation-with-upload")
      ? Option.none<Ready>()
      : Option.liftPredicate(
        yield* source.ready(0, Math.min(most + 1, stopAt)),
        ({ last, size }) => last && size > 0 && size <= most
      )
    stand({ ...standing, total: Option.orElse(standing.total, () => Option.map(along, ({ size }) => size)) })
    const created = yield* client.create({
      ...call(locate(endpoint.url)),
      length: standing.total,
      metadata: partial ? Option.none() : metadata,
      partial,
      chunk: Option.isSome(along) ? yield* chunk(0, along.value.size) : undefined
    })
    if (asks) {
      endpoint.presume()
    }
    const at = yield* Location.check(endpoint.url, created.url, allowedHosts)
    stand({ ...standing, declared: Option.isSome(standing.total), expires: created.expires })
    if (Option.isSome(along) && Option.isNone(created.offset)) {
      return stand(UploadPosition.unsure(standing, at))
    }
    yield* confirm("Created", at, Option.getOrElse(created.offset, () => 0), created.answer)
  })

  const find = Effect.fnUntraced(
    function*({ at, entry }: Extract<UploadPosition.Place, { readonly _tag: "Somewhere" }>) {
      const found = yield* client.head(call(at))
      const fits = checkLength(source, at.url, found.length)
      if (Option.isSome(entry) && Either.isLeft(fits)) {
        return yield* leave("Gone", entry.value)
      }
      yield* fits
      const asked = { method: "HEAD", url: at.url, offset: found.offset, attempts: retry.call().attempts }
      if (Option.isNone(found.offset)) {
        return yield* new Misbehaved({
          ...asked,
          reason: "NotTus",
          status: 200,
          text: "",
          expected: "an upload that takes bytes",
          actual: "one made of others"
        })
      }
      yield* ResponseReader.between(
        { asked, status: 200 },
        found.offset.value,
        ...UploadPosition.bounds(standing, source.seekable)
      )
      if (Option.isSome(entry) && !(yield* remembered.verify(entry.value, found.offset.value))) {
        return yield* leave("Gone", entry.value)
      }
      const event = UploadPosition.isFound(standing) ? "Resumed" : "Acknowledged"
      stand({ ...standing, declared: Option.isSome(found.length), expires: found.expires })
      yield* confirm(event, at, found.offset.value)
    }
  )

  const append = Effect.fnUntraced(
    function*({ at, offset }: Extract<UploadPosition.Place, { readonly _tag: "Known" }>) {
      const left = Option.getOrElse(standing.total, () => UploadPosition.unlimited) - offset
      const want = ChunkSize.next(chunkSize, endpoint.limit, left)
      const { last, size } = yield* source.ready(offset, Math.min(want, stopAt - offset))
      stand({ ...standing, total: last ? Option.some(offset + size) : standing.total })
      const length = standing.declared ? Option.none() : standing.total
      const bytes = yield* chunk(offset, size)
      stand(UploadPosition.unsure(standing, at))
      const appended = yield* client.append({ ...call(at), offset, length, chunk: bytes })
      if (appended.offset === offset && size > 0) {
        return yield* new Misbehaved({
          method: "PATCH",
          url: at.url,
          offset: Option.some(offset),
          attempts: retry.call().attempts,
          reason: "NoProgress",
          status: 204,
          text: "",
          expected: `an offset above ${offset}`,
          actual: `${offset}`
        })
      }
      stand({ ...standing, declared: standing.declared || Option.isSome(length), expires: appended.expires })
      yield* confirm("Acknowledged", at, appended.offset, appended.answer)
    }
  )

  /** What to do about a failure, once it is paid for. */
  const settle = Effect.fnUntraced(function*(verb: NextStep.Verb, error: TusError) {
    switch (yield* retry.after(verb, error)) {
      case "Refresh":
        return
      case "Resync":
        if (lessons.resynced) {
          yield* retry.pay(error)
        }
        return learn({ resynced: true })
      case "RetryAfter":
        switch (Lesson.of(verb, error)) {
          case "Alone":
            endpoint.along = Math.min(endpoint.along, Math.floor(lessons.tried / 2))
            return learn({ alone: true })
          case "Fewer":
            return yield* Effect.ignore(shrink(error))
          case "Nothing":
            return
        }
      case "Shrink":
        return verb === "Append" ? yield* shrink(error) : learn({ alone: true })
      case "Recreate":
        if (Option.isSome(inherited)) {
          return yield* leave("Gone", inherited.value, error)
        }
        if (options.url !== undefined || lessons.recreated || !(source.seekable || standing.confirmed === 0)) {
          return yield* Effect.fail(error)
        }
        learn({ recreated: true })
        stand(UploadPosition.nowhere(standing.total))
        tally.lost(error)
        return yield* remembered.replace("Gone")
    }
  })

  /** A new upload is not held up by what became of another session's. */
  const recover = (verb: NextStep.Verb, place: UploadPosition.Place, error: TusError) =>
    Effect.catchAll(
      settle(verb, error),
      (error) =>
        Option.isSome(inherited) && place._tag !== "Nowhere" && Inherited.isBarred(error, place.at.foreign)
          ? Effect.zipRight(retry.renew, leave("Refused", inherited.value, error))
          : Effect.fail(error)
    )

  const shrink = (error: TusError) =>
    Option.match(ChunkSize.halve(chunkSize, lessons.tried), {
      onNone: () => Effect.fail(error),
      onSome: (limit) =>
        Effect.sync(() => {
          endpoint.limit = limit
          tally.publish("Shrunk")
        })
    })

  const attempt = Effect.suspend(() => {
    const { place } = standing
    const [verb, action] = place._tag === "Nowhere"
      ? ([lessons.alone ? "Create" : "CreateWithUpload", create] as const)
      : place._tag === "Somewhere"
      ? (["Inspect", find(place)] as const)
      : (["Append", append(place)] as const)
    return retry.ready.pipe(
      Effect.zipRight(action),
      Effect.catchAll((error) => recover(verb, place, error))
    )
  })

  const step: Uploader<R>["next"] = Effect.suspend(() => {
    const { chunks } = tally.progress()
    const more: Uploader<R>["next"] = Effect.suspend(() => {
      const event = UploadPosition.ended(standing, stopAt)
      if (Option.isSome(event)) {
        tally.publish(event.value)
        return Effect.as(event.value === "Complete" && !partial ? remembered.complete : Effect.void, tally.progress())
      }
      return tally.progress().chunks > chunks ? Effect.succeed(tally.progress()) : Effect.zipRight(attempt, more)
    })
    return more
  })

  const all: Uploader<R>["all"] = Effect.flatMap(
    step,
    (progress) => (isDone(progress) ? Effect.succeed(progress) : all)
  )

  yield* begin
  return {
    next: step,
    all,
    progress: Effect.sync(tally.progress),
    terminate: Effect.suspend(() => {
      const { place } = standing
      return place._tag === "Nowhere"
        ? Effect.void
        : retry.persist("Terminate", () => client.terminate(call(place.at)))
    }).pipe(Effect.zipLeft(remembered.forget)),
    forget: remembered.complete,
    close: remembered.close
  }
})

/** Closed with the scope. */
export const makeScoped = <R>(...args: Parameters<typeof make<R>>) =>
  Effect.tap(make(...args), ({ close }) => Effect.addFinalizer(() => close))

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
        detail: `expected ${length.value} bytes, as many as the upload ${url} has, got ${source.length.value}`
      })
    )
    : Either.right(undefined)
