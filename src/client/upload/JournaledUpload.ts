/**
 * One upload and its entry in the journal: found again by the source's fingerprint, trusted once its digest has
 * matched, kept up to date while bytes go out, removed at the end.
 */
import * as Arr from "effect/Array"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Fingerprint from "../journal/Fingerprint.js"
import * as JournalTrouble from "../journal/JournalTrouble.js"
import * as PrefixDigest from "../journal/PrefixDigest.js"
import { type Creation, type Journal, JournalEntry, none, UploadJournal } from "../journal/UploadJournal.js"
import type { SourceError, UploadSource } from "../sources/UploadSource.js"
import * as Division from "./Division.js"
import type { Settled } from "./UploadOptions.js"

export interface State {
  readonly url: string
  readonly acknowledged: number
  readonly expires: Option.Option<DateTime.Utc>
}

export interface Remembered {
  /** What earlier sessions left of this source at this endpoint, the newest first. */
  readonly candidates: ReadonlyArray<JournalEntry>
  /**
   * Whether the source still begins with the bytes that were sent then; the server has those before `offset`. An entry
   * without a digest is trusted for its fingerprint where no digest can be made here, or the server has no bytes.
   */
  readonly verify: (entry: JournalEntry, offset: number) => Effect.Effect<boolean, SourceError>
  /**
   * Another upload takes the place of this one, or of the one that was noted. It stays until then: one that was refused
   * until the other is complete, one that is gone until the other is there.
   */
  readonly replace: (why: "Gone" | "Refused", entry?: JournalEntry) => Effect.Effect<void>
  /** These bytes are about to go out. */
  readonly observe: (offset: number, bytes: Uint8Array) => void
  /**
   * Writes down where the upload stands, and the digest of what was observed. Before bytes go out, so that no session
   * that ends without warning leaves bytes on the server that the journal knows no digest of.
   */
  readonly write: Effect.Effect<void>
  /** Where the upload stands. Written at the latest by `close`. */
  readonly note: (state: State) => Effect.Effect<void>
  /** There is nothing to come back for. */
  readonly forget: Effect.Effect<void>
  /** All of the source has been stored: what it replaced is not needed either. */
  readonly complete: Effect.Effect<void>
  /** Nothing more is noted. */
  readonly close: Effect.Effect<void>
}

export interface Key {
  readonly fingerprint: Option.Option<string>
  /** Where the source begins in the one that the fingerprint is of. */
  readonly start: number
}

/** That of the application: whoever has made it, it harms no upload. */
const journalAtHand = Effect.map(UploadJournal, (given): Journal => {
  const orElse = JournalTrouble.make()
  const listed = (list: () => Effect.Effect<ReadonlyArray<JournalEntry>>) =>
    orElse(() => Effect.map(list(), (entries) => Array.from(entries)), [])
  return given === none ? none : {
    find: (...of) => listed(() => given.find(...of)),
    put: (entry) => orElse(() => given.put(entry), undefined),
    remove: (entry) => orElse(() => given.remove(entry), undefined),
    list: listed(() => given.list)
  }
})

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

/** What earlier sessions left of this source at this endpoint, the newest first. */
export const candidates = (endpoint: string, { length }: UploadSource, { fingerprint, start }: Key) =>
  Effect.flatMap(journalAtHand, (journal) =>
    Option.isNone(fingerprint) ? Effect.succeed([]) : Effect.map(
      journal.find(endpoint, fingerprint.value),
      Arr.filter((entry) => Option.contains(length, entry.length) && entry.start === start)
    ))

/** All of it, parts as well. */
const entriesOf = (endpoint: string, { fingerprint }: Key) =>
  Effect.flatMap(journalAtHand, (journal) =>
    Option.isNone(fingerprint) ? Effect.succeed([]) : Effect.map(
      journal.list,
      Arr.filter((entry) => entry.endpoint === endpoint && Fingerprint.isOf(fingerprint.value, entry))
    ))

/** In how many parts earlier sessions sent what is left of this source, none where nothing is. */
export const partsOf = (endpoint: string, { length }: UploadSource, key: Key) =>
  Effect.map(
    entriesOf(endpoint, key),
    (entries) => Option.flatMap(length, (length) => Division.remembered(entries, length))
  )

/**
 * What the server is told of the whole: what another session told it of the same source, where this one leaves that
 * open. So a source has the same metadata whether it is gone on with or created anew.
 */
export const metadataOf = Effect.fnUntraced(function*(
  { metadata, uploadMetadata }: Pick<Settled<unknown>, "metadata" | "uploadMetadata">,
  endpoint: string,
  key: Key
) {
  return metadata !== undefined || Option.isNone(key.fingerprint)
    ? uploadMetadata
    : Option.flatMap(
      Arr.head(yield* entriesOf(endpoint, key)),
      ({ creation }) => Option.flatMap(creation, ({ metadata }) => metadata)
    )
})

export const make = Effect.fnUntraced(function*(
  endpoint: string,
  source: UploadSource,
  { fingerprint, start }: Key,
  creation: Creation
) {
  const journal = yield* journalAtHand
  if (journal === none || Option.isNone(fingerprint) || Option.isNone(source.length)) {
    return nothing
  }
  const length = source.length.value
  let digest = yield* PrefixDigest.make
  const blind = Option.isNone(digest.prefix())
  let noted = Option.none<State>()
  let written = Option.none<JournalEntry>()
  let writing = Option.none<Fiber.RuntimeFiber<never>>()
  let replaced: { readonly Gone: ReadonlyArray<JournalEntry>; readonly Refused: ReadonlyArray<JournalEntry> } =
    noEntries

  /** One at a time and whole: what is written last is what is there, and what is removed stays so. */
  const turns = Effect.unsafeMakeSemaphore(1)
  const inTurn = (effect: Effect.Effect<void>) => Effect.uninterruptible(turns.withPermits(1)(effect))
  const removeAll = Effect.forEach((entry: JournalEntry) => journal.remove(entry), { discard: true })

  const write = inTurn(Effect.flatMap(DateTime.now, (updated) => {
    const prefix = digest.prefix()
    const entry = Option.map(noted, ({ acknowledged, expires, url }) =>
      new JournalEntry({
        endpoint,
        fingerprint: fingerprint.value,
        url,
        source: source.name,
        length,
        start,
        acknowledged,
        prefix,
        expires,
        updated,
        creation: Option.some(creation)
      }))
    if (Option.isNone(entry) || Option.exists(written, (last) => saysSame(last, entry.value))) {
      return Effect.void
    }
    written = entry
    const { Gone: gone } = replaced
    replaced = { ...replaced, Gone: [] }
    return Effect.zipRight(journal.put(entry.value), removeAll(gone.filter(({ url }) => url !== entry.value.url)))
  }))

  const begin = Effect.uninterruptible(Effect.suspend(() =>
    Option.isSome(writing)
      ? Effect.void
      : Effect.map(Effect.forkDaemon(Effect.interruptible(Effect.forever(Effect.delay(write, interval)))), (fiber) => {
        writing = Option.some(fiber)
      })
  ))

  /** What was written last is no longer that of this upload. */
  const leave = Effect.sync(() => {
    const last = written
    noted = Option.none()
    written = Option.none()
    return Option.toArray(last)
  })
  const forget = inTurn(Effect.flatMap(leave, removeAll))

  const remembered: Remembered = {
    candidates: yield* candidates(endpoint, source, { fingerprint, start }),
    verify: (entry, offset) =>
      Option.isNone(entry.prefix)
        ? Effect.succeed(blind || offset === 0)
        : Effect.map(
          PrefixDigest.verify(source, entry.prefix.value, offset),
          Option.match({
            onNone: () => false,
            onSome: (verified) => {
              digest = verified
              return true
            }
          })
        ),
    replace: (why, entry) =>
      inTurn(Effect.map(leave, (last) => {
        replaced = { ...replaced, [why]: [...replaced[why], ...last, ...(entry === undefined ? [] : [entry])] }
      })),
    observe: (offset, bytes) => digest.observe(offset, bytes),
    write,
    note: (state) =>
      Effect.suspend(() => {
        const first = Option.isNone(noted)
        noted = Option.some(state)
        return Effect.when(Effect.zipRight(begin, write), () => first)
      }),
    forget,
    complete: Effect.zipRight(
      forget,
      inTurn(Effect.suspend(() => removeAll([...replaced.Gone, ...replaced.Refused])))
    ),
    close: Effect.suspend(() =>
      Effect.zipRight(Option.match(writing, { onNone: () => Effect.void, onSome: Fiber.interrupt }), write)
    )
  }
  return remembered
})

const noEntries = { Gone: [], Refused: [] }

const saysSame = (one: JournalEntry, other: JournalEntry) =>
  one.url === other.url
  && one.acknowledged === other.acknowledged
  && lengthOf(one) === lengthOf(other)

const lengthOf = ({ prefix }: JournalEntry) => (Option.isSome(prefix) ? prefix.value.length : 0)

/**
 * How much of the work of a session that is killed without warning is not covered by the digest, where bytes go out
 * while the rest of them is read.
 */
const interval = "1 second"

const nothing: Remembered = {
  candidates: [],
  verify: () => Effect.succeed(true),
  replace: () => Effect.void,
  observe: () => {},
  write: Effect.void,
  note: () => Effect.void,
  forget: Effect.void,
  complete: Effect.void,
  close: Effect.void
}
