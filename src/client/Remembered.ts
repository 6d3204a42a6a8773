/**
 * One upload and its entry in the journal: found again by the source's fingerprint, trusted once its digest has matched, kept up
 * to date while bytes go out, removed at the end.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Fingerprint from "./Fingerprint.js"
import * as PrefixDigest from "./PrefixDigest.js"
import { Entry, none, UploadJournal } from "./UploadJournal.js"
import type { SourceError, UploadSource } from "./UploadSource.js"

export interface State {
  readonly url: string
  readonly acknowledged: number
  readonly expires: Option.Option<DateTime.Utc>
}

export interface Remembered {
  /** What earlier sessions left of this source at this endpoint, the newest first. */
  readonly candidates: ReadonlyArray<Entry>
  /**
   * Whether the source still begins with the bytes that were sent then; the server has those before `offset`. An entry for which
   * it does not is removed. One without a digest is trusted for its fingerprint.
   */
  readonly verify: (entry: Entry, offset: number) => Effect.Effect<boolean, SourceError>
  readonly drop: (entry: Entry) => Effect.Effect<void>
  /** These bytes are about to go out. */
  readonly observe: (offset: number, bytes: Uint8Array) => void
  /** Where the upload stands; none when there is nothing to come back for. Written at the latest by `close`. */
  readonly note: (state: Option.Option<State>) => Effect.Effect<void>
  /** Nothing more is noted. */
  readonly close: Effect.Effect<void>
}

export interface Key {
  readonly fingerprint: Option.Option<string>
  /** Where the source begins in the one that the fingerprint is of. */
  readonly start: number
}

/** The name under which a source is remembered; none where nothing is. */
export const keyOf = (source: UploadSource): Effect.Effect<Key, SourceError> =>
  Effect.flatMap(
    UploadJournal,
    (journal) =>
      Effect.map(journal === none ? Effect.succeedNone : Fingerprint.of(source), (fingerprint) => ({
        fingerprint,
        start: 0
      }))
  )

export const make = Effect.fnUntraced(function*(endpoint: string, source: UploadSource, { fingerprint, start }: Key) {
  const journal = yield* UploadJournal
  if (journal === none || Option.isNone(fingerprint) || Option.isNone(source.length)) {
    return nothing
  }
  const length = source.length.value
  let digest = yield* PrefixDigest.make
  let noted = Option.none<State>()
  let written = Option.none<Entry>()
  let writing = Option.none<Fiber.RuntimeFiber<never>>()

  /** One at a time and whole: what is written last is what is there, and what is removed stays so. */
  const turns = Effect.unsafeMakeSemaphore(1)
  const inTurn = (effect: Effect.Effect<void>) => Effect.uninterruptible(turns.withPermits(1)(effect))

  const write = inTurn(Effect.flatMap(DateTime.now, (updated) => {
    const prefix = digest.prefix()
    const entry = Option.map(noted, ({ acknowledged, expires, url }) =>
      new Entry({
        endpoint,
        fingerprint: fingerprint.value,
        url,
        source: source.name,
        length,
        start,
        acknowledged,
        prefix,
        expires,
        updated
      }))
    if (Option.isNone(entry) || Option.exists(written, (last) => saysSame(last, entry.value))) {
      return Effect.void
    }
    written = entry
    return journal.put(entry.value)
  }))

  const begin = Effect.uninterruptible(Effect.suspend(() =>
    Option.isSome(writing)
      ? Effect.void
      : Effect.map(Effect.forkDaemon(Effect.interruptible(Effect.forever(Effect.delay(write, interval)))), (fiber) => {
        writing = Option.some(fiber)
      })
  ))

  const remembered: Remembered = {
    candidates: (yield* journal.find(endpoint, fingerprint.value)).filter((entry) =>
      entry.length === length && entry.start === start
    ),
    verify: (entry, offset) =>
      Option.isNone(entry.prefix)
        ? Effect.succeed(true)
        : Effect.flatMap(
          PrefixDigest.verify(source, entry.prefix.value, offset),
          Option.match({
            onNone: () => Effect.as(journal.remove(entry), false),
            onSome: (verified) =>
              Effect.sync(() => {
                digest = verified
                return true
              })
          })
        ),
    drop: journal.remove,
    observe: (offset, bytes) => digest.observe(offset, bytes),
    note: (state) =>
      Effect.suspend(() => {
        const first = Option.isNone(noted)
        noted = state
        return Option.isSome(state)
          ? Effect.when(Effect.zipRight(begin, write), () => first)
          : inTurn(Effect.suspend(() => {
            const last = written
            written = Option.none()
            return Option.match(last, { onNone: () => Effect.void, onSome: journal.remove })
          }))
      }),
    close: Effect.suspend(() =>
      Effect.zipRight(Option.match(writing, { onNone: () => Effect.void, onSome: Fiber.interrupt }), write)
    )
  }
  return remembered
})

const saysSame = (one: Entry, other: Entry) =>
  one.url === other.url
  && one.acknowledged === other.acknowledged
  && lengthOf(one) === lengthOf(other)

const lengthOf = ({ prefix }: Entry) => (Option.isSome(prefix) ? prefix.value.length : 0)

/** How much of the work of a session that is killed without warning is not covered by the digest. */
const interval = "1 second"

const nothing: Remembered = {
  candidates: [],
  verify: () => Effect.succeed(true),
  drop: () => Effect.void,
  observe: () => {},
  note: () => Effect.void,
  close: Effect.void
}
