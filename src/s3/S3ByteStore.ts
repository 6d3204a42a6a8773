/**
 * Bytes of uploads in an S3-compatible store, for any number of servers. What counts is in a database: S3 has pieces
 * under names that no two writers share, and in the end one object for each upload.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { UploadId } from "../protocol/Upload.js"
import * as OptionError from "../server/policy/OptionError.js"
import * as SqlFailure from "../sql/SqlFailure.js"
import { ByteStore } from "../store/ByteStore.js"
import { UploadStoreError } from "../store/UploadStoreError.js"
import * as BucketCheck from "./BucketCheck.js"
import * as Manifest from "./Manifest.js"
import * as Manifests from "./Manifests.js"
import * as ManifestTables from "./ManifestTables.js"
import { PartMemory } from "./PartMemory.js"
import * as S3Append from "./S3Append.js"
import * as S3Calls from "./S3Calls.js"
import type { S3Error, S3Objects } from "./S3Objects.js"
import * as S3Seal from "./S3Seal.js"
import * as S3Sweep from "./S3Sweep.js"

/** Sizes are in bytes. */
export interface Options {
  /**
   * Before the key of each object, such as `"uploads/"`. Nothing outside is touched. `"uploads/"` by default.
   */
  readonly prefix?: string | undefined
  /** The size of each part of an upload but the last. 8 MiB by default; from 5 MiB to 5 GiB on most stores. */
  readonly partSize?: number | undefined
  /** The most parts of one object. 10,000 by default. */
  readonly maxParts?: number | undefined
  /** The memory in which parts of all uploads of this process grow. 64 MiB by default, two parts at least. */
  readonly memory?: number | undefined
  /** How long the bytes of a slow body wait for others. `kill -9` costs no more. 10 seconds by default. */
  readonly tailEvery?: Duration.DurationInput | undefined
  /** When a call is tried again that may be repeated. By default three tries within a second. */
  readonly retry?: Schedule.Schedule<unknown, S3Error> | undefined
  /** How often objects and multipart uploads are looked for that nobody needs. 6 hours by default. */
  readonly sweepEvery?: Duration.DurationInput | undefined
}

const mebibyte = 1024 * 1024

type Settings = { readonly [K in keyof Options]-?: NonNullable<Options[K]> }

const settingsOf = (options: Options): Settings => ({
  prefix: options.prefix ?? "uploads/",
  partSize: options.partSize ?? 8 * mebibyte,
  maxParts: options.maxParts ?? 10_000,
  memory: options.memory ?? 64 * mebibyte,
  tailEvery: options.tailEvery ?? "10 seconds",
  retry: options.retry ??
    Schedule.intersect(Schedule.jittered(Schedule.exponential("200 millis")), Schedule.recurs(2)),
  sweepEvery: options.sweepEvery ?? "6 hours"
})

const checkOptions = OptionError.check(Schema.Struct({
  prefix: Schema.optional(
    Schema.String.pipe(Schema.pattern(/^([\w.-]+\/)+$/)).annotations({
      message: () => "a prefix such as uploads/, with one / behind each name"
    })
  ),
  partSize: Schema.optional(OptionError.whole(1, 5 * 1024 * mebibyte)),
  maxParts: Schema.optional(OptionError.whole(1, 10_000)),
  memory: Schema.optional(OptionError.whole(1)),
  tailEvery: Schema.optional(OptionError.timeout),
  sweepEvery: Schema.optional(OptionError.timeout)
}))

/** A store, and what a test wants to know of it. */
export interface Made {
  readonly store: ByteStore["Type"]
  /**
   * Removes what is older than a day and needed by no upload: objects, and multipart uploads. The layer runs it from
   * time to time.
   */
  readonly sweep: Effect.Effect<void, UploadStoreError>
  readonly memory: PartMemory
}

/** Builds the store. The tables have to be there. */
const build = ({ maxParts, memory: limit, partSize, prefix, retry, tailEvery }: Settings) =>
  Effect.gen(function*() {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const calls = yield* S3Calls.make({ prefix, retry })
    const manifests = Manifests.make(sql)
    const memory = new PartMemory(limit)
    const dependencies = { calls, manifests, memory, partSize, maxParts, tailEvery }

    const look = (id: UploadId) =>
      Effect.map(
        manifests.load(id),
        Option.map(({ manifest, writtenAt }) => ({
          size: Manifest.sizeOf(manifest),
          writtenAt
        }))
      )

    const store = ByteStore.of({
      isShared: true,
      reads: "sealed",
      ...S3Append.make(dependencies),
      ...S3Seal.make(dependencies),
      read: (id, { end, start }) =>
        Stream.unwrap(Effect.flatMap(manifests.load(id), (found) => {
          const manifest = Option.match(found, { onNone: () => Manifest.empty, onSome: ({ manifest }) => manifest })
          const size = Manifest.sizeOf(manifest)
          const ranges = Manifest.ranges(manifest, end)
          return size < end
            ? missing(id, end, size)
            : start === end
            ? Effect.succeed(Stream.empty)
            : ranges === undefined
            ? S3Seal.unsealed(id)
            : Effect.succeed(Stream.concatAll(Chunk.fromIterable(within(ranges, start).map(calls.read))))
        })),
      condemn: (id) => manifests.mark(id, true),
      spare: (id) => manifests.mark(id, false),
      remove: (id, fence) =>
        Effect.uninterruptible(Effect.flatMap(manifests.remove(id, fence), (before) => {
          const { chapters, keys } = Manifest.unneeded(before, Manifest.empty)
          return calls.clean(keys, chapters)
        })),
      size: (id) => Effect.map(look(id), Option.map(({ size }) => size)),
      list: Stream.paginateChunkEffect("", (after) =>
        Effect.map(manifests.unsealed(after, pageSize), (page) => [
          Chunk.fromIterable(page.map(({ id, isCondemned }) => ({ id, isCondemned, look: look(id) }))),
          Option.map(Option.fromNullable(page.length < pageSize ? undefined : page.at(-1)), ({ id }) => id)
        ]))
    })
    return { store, memory, sweep: S3Sweep.make(calls, manifests, prefix) }
  })

const pageSize = 256

/** The part of the ranges that lies behind the first `start` bytes. */
const within = (
  ranges: ReadonlyArray<{ readonly key: string; readonly start: number; readonly end: number }>,
  start: number
) => {
  let before = 0
  return ranges.flatMap((range) => {
    const from = Math.max(range.start, range.start + start - before)
    before += range.end - range.start
    return from < range.end ? [{ ...range, start: from }] : []
  })
}

const missing = (id: UploadId, end: number, size: number) =>
  new UploadStoreError({
    reason: "Corrupt",
    operation: `read ${id} to ${end}`,
    cause: new Error(`there are only ${size} bytes`)
  })

/**
 * Tries the bucket, runs the migrations of its tables, and sweeps from time to time until its scope is closed. Fails if
 * the bucket cannot be used, or drops unfinished uploads before they expire (`TusPolicy`).
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  Made,
  OptionError.OptionError | UploadStoreError,
  S3Objects | SqlClient.SqlClient | Scope.Scope
> =>
  Effect.gen(function*() {
    const settings = settingsOf(yield* checkOptions(options))
    const { memory, partSize, sweepEvery } = settings
    if (memory < 2 * partSize) {
      return yield* new OptionError.OptionError({
        option: "memory",
        expected: `at least ${2 * partSize} bytes, which are two parts`,
        actual: String(memory)
      })
    }
    yield* BucketCheck.run(settings.prefix)
    yield* Effect.mapError(ManifestTables.run, SqlFailure.toStoreError("Write", "prepare the tables"))
    const made = yield* build(settings)
    yield* Effect.forkScoped(Effect.forever(Effect.ignoreLogged(Effect.delay(made.sweep, sweepEvery))))
    return made
  })

/**
 * Provide it with `S3Objects`, and with the database of the registry: a manifest is written before the state that
 * counts its bytes.
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  ByteStore,
  OptionError.OptionError | UploadStoreError,
  S3Objects | SqlClient.SqlClient
> => Layer.scoped(ByteStore, Effect.map(make(options), ({ store }) => store))
