/**
 * One upload and its entry in the journal. The fingerprint of the source finds the entry again, a digest of the bytes
 * that were sent proves it, and `JournalWriter` keeps it up to date.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Fingerprint from "../journal/Fingerprint.js"
import * as JournalFallback from "../journal/JournalFallback.js"
import * as JournalWriter from "../journal/JournalWriter.js"
import * as PrefixDigest from "../journal/PrefixDigest.js"
import { type Creation, type Journal, JournalEntry, none, UploadJournal } from "../journal/UploadJournal.js"
import type { SourceError, UploadSource } from "../sources/UploadSource.js"
import * as Division from "./Division.js"
import type { WithDefaults } from "./UploadOptions.js"

/** One upload as the journal knows it. */
export interface JournaledUpload extends Omit<JournalWriter.JournalWriter, "note"> {
  /** Takes the checkpoint down. The first time, it is written at once, and for that the fingerprint is read. */
  readonly note: (checkpoint: JournalWriter.Checkpoint) => Effect.Effect<void, SourceError>
  /** What earlier sessions left of this source at this endpoint, the newest first. */
  readonly candidates: ReadonlyArray<JournalEntry>
  /**
   * Whether the source still begins with the bytes that were sent then. The server has the bytes before `offset`. An
   * entry without a digest is trusted for its fingerprint only if no digest can be made here, or the server has no
   * bytes.
   */
  readonly verify: (entry: JournalEntry, offset: number) => Effect.Effect<boolean, SourceError>
  /** These bytes are about to go out: they become part of the digest. */
  readonly observe: (offset: number, bytes: Uint8Array) => void
}

/** How the journal knows a source, or a part of it. */
export interface Key {
  /** `none` if it does not know the source. */
  readonly journal: Journal
  /** Option.none if the journal cannot know the source. It is read when it is first needed. */
  readonly fingerprint: Effect.Effect<Option.Option<string>, SourceError>
  /** Where a part begins in the source that the fingerprint is of. */
  readonly start: number
  /** What earlier sessions left of the whole source and its parts at this endpoint, the newest first. */
  readonly entries: ReadonlyArray<JournalEntry>
}

/** The application's journal. If it fails, it behaves like `none`. */
const guarded = (given: Journal): Journal => {
  const orElse = JournalFallback.make()
  const listed = (list: () => Effect.Effect<ReadonlyArray<JournalEntry>>) =>
    orElse(() => Effect.map(list(), (entries) => Array.from(entries)), [])
  return {
    find: (...of) => listed(() => given.find(...of)),
    put: (entry) => orElse(() => given.put(entry), undefined),
    remove: (entry) => orElse(() => given.remove(entry), undefined),
    list: listed(() => given.list)
  }
}

/**
 * How the journal knows a source. Most sources are sent in one request, and then nobody asks for their fingerprint: it
 * is read here only if the journal has something that may be of this source.
 */
export const keyOf = (endpoint: string, source: UploadSource): Effect.Effect<Key, SourceError> =>
  Effect.flatMap(
    UploadJournal,
    (given) => given === none ? Exit.succeed(unknown) : search(endpoint, source, guarded(given))
  )

const unknown: Key = { journal: none, fingerprint: Effect.succeedNone, start: 0, entries: [] }

const search = Effect.fnUntraced(function*(endpoint: string, source: UploadSource, journal: Journal) {
  const fingerprint = once(Fingerprint.of(source))
  const listed = (yield* journal.list).filter((entry) =>
    entry.endpoint === endpoint && Option.exists(source.length, (length) => Fingerprint.canBeOf(length, entry))
  )
  const found = listed.length === 0 ? Option.none() : yield* fingerprint
  const entries = Option.match(found, {
    onNone: () => [],
    onSome: (print) => listed.filter((entry) => Fingerprint.isOf(print, entry))
  })
  return { journal, fingerprint, start: 0, entries }
})

/** Runs the effect when it is first asked for, and once. */
const once = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  let known: Effect.Effect<A, E> = Effect.tap(effect, (value) =>
    Effect.sync(() => {
      known = Exit.succeed(value)
    }))
  return Effect.suspend(() => known)
}

/** The key of a part. */
export const keyOfRange = (key: Key, { length, start }: Division.Range): Key => ({
  ...key,
  start,
  fingerprint: Effect.map(key.fingerprint, Option.map((print) => Fingerprint.ofRange(print, start, length)))
})

/** What earlier sessions left of just this at this endpoint, the newest first. */
export const candidates = (
  endpoint: string,
  { length }: UploadSource,
  { entries, fingerprint, journal, start }: Key
): Effect.Effect<ReadonlyArray<JournalEntry>, SourceError> =>
  entries.length === 0 ?
    Exit.succeed([]) :
    Effect.flatMap(fingerprint, (print) =>
      Option.isNone(print) ? Effect.succeed([]) : Effect.map(
        journal.find(endpoint, print.value),
        Arr.filter((entry) => Option.contains(length, entry.length) && entry.start === start)
      ))

/** In how many parts earlier sessions sent this source; Option.none if the journal has nothing of it. */
export const partsOf = ({ length }: UploadSource, { entries }: Key): Option.Option<number> =>
  Option.flatMap(length, (length) => Division.remembered(entries, length))

/**
 * The metadata of the upload. If the application gives none, that of an earlier session with the same source is used,
 * so that a new upload has the same metadata as the one that it replaces.
 */
export const metadataOf = (
  { metadata, uploadMetadata }: Pick<WithDefaults<unknown>, "metadata" | "uploadMetadata">,
  { entries }: Key
): Option.Option<string> =>
  metadata !== undefined
    ? uploadMetadata
    : Option.flatMap(
      Arr.head(entries),
      ({ creation }) => Option.flatMap(creation, ({ metadata }) => metadata)
    )

export const make = (
  endpoint: string,
  source: UploadSource,
  key: Key,
  creation: Creation
): Effect.Effect<JournaledUpload, SourceError> =>
  key.journal === none || Option.isNone(source.length)
    ? Exit.succeed(notRemembered)
    : remembered(endpoint, source, source.length.value, key, creation)

const remembered = Effect.fnUntraced(function*(
  endpoint: string,
  source: UploadSource,
  length: number,
  key: Key,
  creation: Creation
): Effect.fn.Return<JournaledUpload, SourceError> {
  const { fingerprint, journal, start } = key
  let print = Option.none<string>()
  let digest = yield* PrefixDigest.make
  const isBlind = Option.isNone(digest.prefix())
  const writer = JournalWriter.make(journal, (checkpoint, updated) =>
    new JournalEntry({
      ...checkpoint,
      endpoint,
      fingerprint: Option.getOrElse(print, () => ""),
      source: source.name,
      length,
      start,
      prefix: digest.prefix(),
      updated,
      creation: Option.some(creation)
    }))
  return {
    ...writer,
    note: (checkpoint) =>
      Effect.flatMap(fingerprint, (found) => {
        print = found
        return Option.isSome(print) ? writer.note(checkpoint) : Effect.void
      }),
    candidates: yield* candidates(endpoint, source, key),
    verify: (entry, offset) =>
      Option.isNone(entry.prefix)
        ? Effect.succeed(isBlind || offset === 0)
        : Effect.map(PrefixDigest.verify(source, entry.prefix.value, offset), (verified) => {
          digest = Option.getOrElse(verified, () => digest)
          return Option.isSome(verified)
        }),
    observe: (offset, bytes) => digest.observe(offset, bytes)
  }
})

const notRemembered: JournaledUpload = {
  ...JournalWriter.none,
  candidates: [],
  verify: () => Effect.succeed(true),
  observe: () => {}
}
