/**
 * The journal of unfinished uploads, by which a later session continues where this one ended. A journal that fails
 * behaves as if there were none.
 *
 * The URL of an upload often allows writing to it, and sometimes contains a password. A journal stores it as it is, and
 * so the metadata. So only its user may read and write a journal, and metadata should contain no secrets.
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as KeyValueStore from "@effect/platform/KeyValueStore"
import type * as Path from "@effect/platform/Path"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import { Algorithm } from "../../protocol/Checksum.js"
import * as JournalFallback from "./JournalFallback.js"
import * as JournalFiles from "./JournalFiles.js"
import * as JournalStore from "./JournalStore.js"
import * as Sha256 from "./Sha256.js"

/** The digest of the first `length` bytes of the source, all of which were handed to the network. */
export const Prefix = Schema.Struct({
  algorithm: Schema.String,
  length: Schema.NonNegativeInt,
  digest: Schema.Uint8ArrayFromBase64
})
export type Prefix = typeof Prefix.Type

/**
 * What an upload was created with; if it has to be created anew, it is the same. Headers of requests, and so tokens,
 * are not part of it.
 */
export const Creation = Schema.Struct({
  /** As an Upload-Metadata header. If this is a part, the metadata of the whole. */
  metadata: Schema.OptionFromNullOr(Schema.String),
  checksum: Schema.OptionFromNullOr(Algorithm),
  /** In how many parts the source is sent; 1 if it is not divided. */
  parts: Schema.Int.pipe(Schema.positive())
})
export type Creation = typeof Creation.Type

/** One unfinished upload, or one part of an upload that is sent in parallel. */
export class JournalEntry extends Schema.Class<JournalEntry>("effect-tus/UploadJournal/JournalEntry")({
  endpoint: Schema.String,
  /** Of the source; of the range if this is a part. */
  fingerprint: Schema.String,
  /** The URL of the upload, absolute. */
  url: Schema.String,
  /** The name of the source; the path of a file. */
  source: Schema.String,
  /** The length of the upload, in bytes. */
  length: Schema.NonNegativeInt,
  /** Where a part begins in the source; 0 for other uploads. */
  start: Schema.NonNegativeInt,
  /** Bytes that the server had acknowledged. */
  acknowledged: Schema.NonNegativeInt,
  /** Proves that the source still has the bytes that are on the server. */
  prefix: Schema.OptionFromNullOr(Prefix),
  /** When the server removes the upload. */
  expires: Schema.OptionFromNullOr(Schema.DateTimeUtc),
  updated: Schema.DateTimeUtc,
  /** Option.none in entries of earlier releases. */
  creation: Schema.optionalWith(Creation, { as: "Option" }).pipe(Schema.withConstructorDefault(() => Option.none()))
}) {}

/** The operations of a journal. They never fail: without an entry an upload begins anew. */
export interface Journal {
  /** Entries for this source at this endpoint that have not expired, the newest first. */
  readonly find: (endpoint: string, fingerprint: string) => Effect.Effect<ReadonlyArray<JournalEntry>>
  /** Stores an entry, in place of one with the same `url`. */
  readonly put: (entry: JournalEntry) => Effect.Effect<void>
  readonly remove: (entry: JournalEntry) => Effect.Effect<void>
  /** All entries that have not expired, the newest first. */
  readonly list: Effect.Effect<ReadonlyArray<JournalEntry>>
}

/** Remembers nothing. */
export const none: Journal = {
  find: () => Effect.succeed([]),
  put: () => Effect.void,
  remove: () => Effect.void,
  list: Effect.succeed([])
}

/** Remembers nothing by default: provide one of the layers. */
export class UploadJournal extends Context.Reference<UploadJournal>()("effect-tus/UploadJournal", {
  defaultValue: (): Journal => none
}) {}

/** All keys begin with this. Other entries of a shared store are left alone. */
const keyPrefix = "effect-tus-"

const version = 1

/** How long an entry without an expiry is kept: servers do not keep unfinished uploads forever either. */
const keptFor = Duration.days(90)

const Newer = Schema.parseJson(Schema.Struct({ version: Schema.Int.pipe(Schema.greaterThan(version)) }))

const Stored = Schema.parseJson(Schema.Struct({ version: Schema.Literal(version), entry: JournalEntry }))

/**
 * A journal in a store, one key for each URL; keys are valid file names. `keys` lists the keys of the store, and may
 * contain others. Entries that have expired, that were not updated for 90 days or that cannot be decoded are removed
 * when they are found. Failures of the store are logged, the first one as a warning.
 */
export const make = (
  store: KeyValueStore.KeyValueStore,
  keys: Effect.Effect<ReadonlyArray<string>, PlatformError>
): Journal => {
  const orElse = JournalFallback.make()
  const removeKey = (key: string) => orElse(() => store.remove(key), undefined)

  const load = Effect.fnUntraced(function*(key: string) {
    const text = yield* store.get(key)
    if (Option.isNone(text)) {
      return Option.none()
    }
    const stored = decode(text.value)
    const now = yield* DateTime.now
    const alive = Option.filter(stored, (entry) => DateTime.greaterThan(endOf(entry), now))
    if (Option.isNone(alive) && !isNewer(text.value)) {
      yield* removeKey(key)
    }
    return alive
  })

  const list = orElse(() =>
    keys.pipe(
      Effect.map(Arr.filter((key) => key.startsWith(keyPrefix))),
      Effect.flatMap(Effect.forEach((key) => orElse(() => load(key), Option.none()), { concurrency: 16 })),
      Effect.map((entries) => Arr.sort(Arr.getSomes(entries), newestFirst))
    ), [])

  return {
    find: (endpoint, fingerprint) =>
      Effect.map(list, Arr.filter((entry) => entry.endpoint === endpoint && entry.fingerprint === fingerprint)),
    put: (entry) => orElse(() => Effect.flatMap(keyOf(entry.url), (key) => store.set(key, encode(entry))), undefined),
    remove: (entry) => orElse(() => Effect.flatMap(keyOf(entry.url), removeKey), undefined),
    list
  }
}

const layerOf = <R>(store: Effect.Effect<JournalStore.JournalStore, never, R>): Layer.Layer<never, never, R> =>
  Layer.effect(UploadJournal, Effect.map(store, ({ keys, store }) => make(store, keys)))

/** Remembers as long as the layer lives. */
export const layerMemory: Layer.Layer<never> = layerOf(JournalStore.memory)

/**
 * Remembers in a directory, one file for each upload. Several processes can share it. The first upload creates the
 * directory, readable for its owner only, as the files are. An existing directory keeps its mode.
 *
 * @example
 * ```ts
 * import * as NodeContext from "@effect/platform-node/NodeContext"
 * import { Effect, Layer } from "effect"
 * import { TusUpload, UploadJournal } from "effect-tus/client"
 * import { FileSource, NodeTusClient } from "effect-tus/node-client"
 *
 * const client = Layer.merge(NodeTusClient.layer(), UploadJournal.layerFileSystem(".uploads"))
 *
 * // Interrupted and run again, it resumes.
 * export const main = FileSource.make("film.mp4").pipe(
 *   Effect.flatMap((source) => TusUpload.run({ endpoint: "http://127.0.0.1:1080/files", source })),
 *   Effect.provide(client),
 *   Effect.provide(NodeContext.layer)
 * )
 * ```
 */
export const layerFileSystem = (
  directory: string
): Layer.Layer<never, never, FileSystem.FileSystem | Path.Path> => layerOf(JournalFiles.make(directory))

/** Remembers in the browser's localStorage, which all pages of an origin share. Remembers nothing if there is none. */
export const layerLocalStorage: Layer.Layer<never> = layerOf(JournalStore.localStorage)

const endOf = ({ expires, updated }: JournalEntry) =>
  Option.getOrElse(expires, () => DateTime.addDuration(updated, keptFor))

const newestFirst = Order.mapInput(Order.reverse(DateTime.Order), ({ updated }: JournalEntry) => updated)

/** A digest, because a URL may be longer than a file name. */
const keyOf = (url: string): Effect.Effect<string> => {
  const bytes = new TextEncoder().encode(url)
  return Effect.map(
    Sha256.digest(bytes),
    (digest) => keyPrefix + Encoding.encodeHex(Option.getOrElse(digest, () => bytes))
  )
}

const decode = (text: string) => Option.map(Schema.decodeOption(Stored)(text), ({ entry }) => entry)

const encode = (entry: JournalEntry) => Schema.encodeSync(Stored)({ version, entry })

/** A later release has written the entry, and will remove it. */
const isNewer = (text: string) => Option.isSome(Schema.decodeOption(Newer)(text))
