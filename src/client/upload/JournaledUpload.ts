/**
 * One upload and its entry in the journal. The fingerprint of the source finds the entry again, a digest of the bytes
 * that were sent proves it, and `JournalWriter` keeps it up to date.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
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
export interface JournaledUpload extends JournalWriter.JournalWriter {
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

export interface Key {
  readonly fingerprint: Option.Option<string>
  /** Where a part begins in the source that the fingerprint is of. */
  readonly start: number
}

/** The application's journal. If it fails, it behaves like `none`. */
const guardedJournal = Effect.map(UploadJournal, (given): Journal => {
  const orElse = JournalFallback.make()
  const listed = (list: () => Effect.Effect<ReadonlyArray<JournalEntry>>) =>
    orElse(() => Effect.map(list(), (entries) => Array.from(entries)), [])
  return given === none ? none : {
    find: (...of) => listed(() => given.find(...of)),
    put: (entry) => orElse(() => given.put(entry), undefined),
    remove: (entry) => orElse(() => given.remove(entry), undefined),
    list: listed(() => given.list)
  }
})

/** How the journal knows a source; without a fingerprint it does not. */
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
  Effect.flatMap(guardedJournal, (journal) =>
    Option.isNone(fingerprint) ? Effect.succeed([]) : Effect.map(
      journal.find(endpoint, fingerprint.value),
      Arr.filter((entry) => Option.contains(length, entry.length) && entry.start === start)
    ))

/** The entries of a source and of its parts. */
const entriesOf = (endpoint: string, { fingerprint }: Key) =>
  Effect.flatMap(guardedJournal, (journal) =>
    Option.isNone(fingerprint) ? Effect.succeed([]) : Effect.map(
      journal.list,
      Arr.filter((entry) => entry.endpoint === endpoint && Fingerprint.isOf(fingerprint.value, entry))
    ))

/** In how many parts earlier sessions sent this source; Option.none if the journal has nothing of it. */
export const partsOf = (endpoint: string, { length }: UploadSource, key: Key) =>
  Effect.map(
    entriesOf(endpoint, key),
    (entries) => Option.flatMap(length, (length) => Division.remembered(entries, length))
  )

/**
 * The metadata of the upload. If the application gives none, that of an earlier session with the same source is used,
 * so that a new upload has the same metadata as the one that it replaces.
 */
export const metadataOf = Effect.fnUntraced(function*(
  { metadata, uploadMetadata }: Pick<WithDefaults<unknown>, "metadata" | "uploadMetadata">,
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
): Effect.fn.Return<JournaledUpload> {
  const journal = yield* guardedJournal
  if (journal === none || Option.isNone(fingerprint) || Option.isNone(source.length)) {
    return notRemembered
  }
  const length = source.length.value
  let digest = yield* PrefixDigest.make
  const isBlind = Option.isNone(digest.prefix())
  const writer = JournalWriter.make(journal, (checkpoint, updated) =>
    new JournalEntry({
      ...checkpoint,
      endpoint,
      fingerprint: fingerprint.value,
      source: source.name,
      length,
      start,
      prefix: digest.prefix(),
      updated,
      creation: Option.some(creation)
    }))
  return {
    ...writer,
    candidates: yield* candidates(endpoint, source, { fingerprint, start }),
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
