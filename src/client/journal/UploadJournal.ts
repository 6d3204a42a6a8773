/**
 * What is remembered of unfinished uploads, so that another session goes on where this one ended. Helps, and never
 * harms: a journal that fails is as good as none.
 *
 * Who knows the URL of an upload can often write to it, and sometimes it holds a password. A journal keeps it as it is,
 * and the metadata too, with whatever the application tells the server in it: keep the journal where only its user can
 * read it, and only they can write it, and no secret in metadata.
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
 * What an upload was created with: one that has to be created anew is the same. The headers of requests are never in
 * it, and so no token.
 */
export const Creation = Schema.Struct({
  /** As an Upload-Metadata header; of the whole where this is a part. */
  metadata: Schema.OptionFromNullOr(Schema.String),
  checksum: Schema.OptionFromNullOr(Algorithm),
  /** In how many parts the source is sent, 1 for one that is not divided. */
  parts: Schema.Int.pipe(Schema.positive())
})
export type Creation = typeof Creation.Type

/** One unfinished upload, or one part of an upload that is sent in parallel. */
export class JournalEntry extends Schema.Class<JournalEntry>("effect-tus/UploadJournal/JournalEntry")({
  endpoint: Schema.String,
  /** Of the source, and of the range where it is a part. */
  fingerprint: Schema.String,
  /** Where the upload is, absolute. */
  url: Schema.String,
  /** Of the source: a path where it is a file. */
  source: Schema.String,
  /** In bytes, of what is sent to `url`. */
  length: Schema.NonNegativeInt,
  /** Where the range begins in the source; 0 but for parts. */
  start: Schema.NonNegativeInt,
  /** Bytes that the server had acknowledged. */
  acknowledged: Schema.NonNegativeInt,
  /** By which the bytes that are on the server are told from those of a changed source. */
  prefix: Schema.OptionFromNullOr(Prefix),
  /** When the server forgets the upload. */
  expires: Schema.OptionFromNullOr(Schema.DateTimeUtc),
  updated: Schema.DateTimeUtc,
  /** None in what earlier releases wrote. */
  creation: Schema.optionalWith(Creation, { as: "Option" }).pipe(Schema.withConstructorDefault(() => Option.none()))
}) {}

/**
 * What uploads write down, and look up when they begin. It never fails: where it cannot remember, an upload begins
 * anew.
 */
export interface Journal {
  /** Entries for this source at this endpoint that have not expired, the newest first. */
  readonly find: (endpoint: string, fingerprint: string) => Effect.Effect<ReadonlyArray<JournalEntry>>
  /** Remembers an upload, in place of what was remembered of the same `url`. */
  readonly put: (entry: JournalEntry) => Effect.Effect<void>
  readonly remove: (entry: JournalEntry) => Effect.Effect<void>
  /** All that is remembered and has not expired, the newest first. */
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

/** What all keys begin with: other entries of a store that is shared are left alone. */
const keyPrefix = "effect-tus-"

const version = 1

/** Servers that tell no expiry do not keep what is unfinished for ever, and nor does the journal. */
const keptFor = Duration.days(90)

const Newer = Schema.parseJson(Schema.Struct({ version: Schema.Int.pipe(Schema.greaterThan(version)) }))

const Stored = Schema.parseJson(Schema.Struct({ version: Schema.Literal(version), entry: JournalEntry }))

/**
 * A journal in a store, one key for each URL; the keys are fit to be names of files. `keys` are those that are in the
 * store, others among them. What has expired, what has not been touched for 90 days and what cannot be understood is
 * removed when it is met. Whatever goes wrong in the store is logged, the first time as a warning.
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
 * Remembers in a directory, one file for each upload. Several processes may share it. It is made by the first upload,
 * for its owner alone, as the files are; a directory that is there already is taken as it is.
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

/**
 * Remembers in the browser's localStorage, which all pages of an origin share; remembers nothing where there is none.
 */
export const layerLocalStorage: Layer.Layer<never> = layerOf(JournalStore.localStorage)

const endOf = ({ expires, updated }: JournalEntry) =>
  Option.getOrElse(expires, () => DateTime.addDuration(updated, keptFor))

const newestFirst = Order.mapInput(Order.reverse(DateTime.Order), ({ updated }: JournalEntry) => updated)

/** A digest, because a URL may be longer than the name of a file. */
const keyOf = (url: string): Effect.Effect<string> => {
  const bytes = new TextEncoder().encode(url)
  return Effect.map(
    Sha256.digest(bytes),
    (digest) => keyPrefix + Encoding.encodeHex(Option.getOrElse(digest, () => bytes))
  )
}

const decode = (text: string) => Option.map(Schema.decodeOption(Stored)(text), ({ entry }) => entry)

const encode = (entry: JournalEntry) => Schema.encodeSync(Stored)({ version, entry })

/** Written by a later release, which will know when to remove it. */
const isNewer = (text: string) => Option.isSome(Schema.decodeOption(Newer)(text))
