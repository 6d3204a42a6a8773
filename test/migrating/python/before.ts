/**
 * The rows about the first version of the package.
 */
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusUpload, UploadJournal, UploadOptions } from "effect-tus/client"
import { FileSource } from "effect-tus/node-client"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { utimesSync, writeFileSync } from "node:fs"
import { read } from "../../node/certificates.js"
import type { Proofs } from "../tables.js"
import {
  answering,
  certified,
  chunked,
  client,
  failing,
  file,
  logged,
  run,
  same,
  serve,
  source,
  told,
  watched
} from "./setting.js"

/** The first ten delays, in seconds. */
const delays = <R>(retry: Schedule.Schedule<unknown, unknown, R>) =>
  Effect.map(
    Schedule.run(Schedule.delays(retry), 0, Array.from({ length: 10 })),
    (delays) => Chunk.toReadonlyArray(delays).map((delay) => Duration.toSeconds(delay))
  )

export const beforeRows = {
  TusClientWithRetry: Effect.gen(function*() {
    const { methods, stored, url: endpoint } = yield* watched(({ method }, nth) =>
      method !== "OPTIONS" && nth === 1 ? { status: 503 } : undefined
    )
    const { url } = yield* run({
      endpoint,
      source: yield* source,
      createWithUpload: 0,
      retry: Schedule.recurs(3)
    })
    same(stored(url))
    assert.strictEqual(methods(), "POST POST PATCH HEAD HEAD PATCH")
  }),
  "max_retries of all attempts": Effect.gen(function*() {
    const { of, url: endpoint } = yield* answering("POST", { status: 500 })
    yield* failing({ endpoint, source: yield* source, retry: Schedule.recurs(3 - 1) })
    assert.strictEqual(of("POST").length, 3)
  }),
  max_retry_delay: Effect.gen(function*() {
    const longest = Math.max(...(yield* delays(UploadOptions.defaultRetry)))
    assert.isTrue(longest > 15 && longest <= 30, `${longest}`)
    const shorter = Schedule.exponential("1 second").pipe(
      Schedule.modifyDelay((_, delay) => Duration.min(delay, "6 seconds"))
    )
    assert.strictEqual(Math.max(...(yield* delays(shorter))), 6)
  }),
  "chunk_size of a call": Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched()
    const upload = Effect.fnUntraced(function*(chunkSize: number) {
      yield* TusUpload.run({ endpoint, source: yield* source, createWithUpload: 0, chunkSize })
    })
    yield* Effect.provide(Effect.forEach([150_000, 100_000], upload), client())
    deepStrictEqual(of("PATCH").map(({ headers }) => headers["content-length"]), [
      "150000",
      "150000",
      "100000",
      "100000",
      "100000"
    ])
  }),
  "callback of (uploaded, total)": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const calls: Array<readonly [number, number]> = []
    const upload = TusUpload.upload({ endpoint, source: yield* source, ...chunked })
    yield* Effect.provide(
      Stream.runForEach(
        upload,
        ({ acknowledged, total }) => Effect.sync(() => calls.push([acknowledged, Option.getOrThrow(total)]))
      ),
      client()
    )
    deepStrictEqual([calls[0], calls.at(-1)], [[0, 300_000], [300_000, 300_000]])
  }),
  "callback of UploadStats": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* source, ...chunked })
    deepStrictEqual(events.filter(({ event }) => event === "Acknowledged").map(({ chunks }) => chunks), [1, 2, 3])
  }),
  logger: logged((lines) =>
    Effect.gen(function*() {
      const { url: endpoint } = yield* answering("PATCH", { status: 500, text: "sorry" }, (nth) => nth === 1)
      const upload = TusUpload.upload({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(1) })
      yield* upload.pipe(
        Stream.filter(({ event }) => event === "Retrying"),
        Stream.tap(({ problem }) => Effect.log(Option.getOrThrow(problem).message)),
        Stream.runDrain,
        Effect.provide(client())
      )
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /^PATCH http:.+ was answered 500: sorry/)
    })
  ),
  "checksum=False": Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched()
    yield* run({ endpoint, source: yield* source, createWithUpload: 0 })
    const { trailer, "upload-checksum": checksum } = of("PATCH")[0]?.headers ?? assert.fail()
    deepStrictEqual([trailer, checksum], [undefined, undefined])
  }),
  "get_offset, _get_offset": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const { url } = yield* run({ endpoint, source: yield* source, stopAt: 1000 })
    const { offset } = yield* Effect.provide(TusUpload.info(url), client())
    deepStrictEqual(Option.map(offset, Number), Option.some(1000))
  }),
  "fingerprint: MD5 of 64 KiB": Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve()
    // The file is longer than the samples of the fingerprint, and the change lies between two samples.
    const before = new Uint8Array(2_000_000)
    const after = before.with(100_000, 1)
    const path = yield* file(before)
    const options = Effect.map(FileSource.make(path), (source) => ({ endpoint, source, createWithUpload: 0 }))
    const write = (contents: Uint8Array) => {
      writeFileSync(path, contents)
      utimesSync(path, 1000, 1000)
    }
    write(before)
    const [old, left, { url }] = yield* Effect.gen(function*() {
      const old = yield* run({ ...(yield* options), stopAt: 200_000 })
      write(after)
      return [old.url, yield* TusUpload.findPrevious(yield* options), yield* run(yield* options)] as const
    }).pipe(Effect.provide(UploadJournal.layerMemory))
    deepStrictEqual(left.map(({ url }) => url), [old])
    assert.notStrictEqual(url, old)
    same(stored(url), after)
  }),
  "status_code of exceptions": Effect.gen(function*() {
    const { url: endpoint } = yield* answering("POST", { status: 418 })
    const error = yield* failing({ endpoint, source: yield* source })
    assert.strictEqual(error._tag === "Refused" && error.status, 418)
  }),
  "mTLS, which the README claims": Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve({ tls: { ...certified(), ca: read("ca.pem") } })
    const ca = read("ca.pem")
    const upload = (name: string) =>
      Effect.flatMap(source, (source) =>
        Effect.either(run({ endpoint, source, retry: Schedule.stop }, {
          ca,
          cert: read(`${name}.pem`),
          key: read(`${name}.key`)
        })))
    const known = Either.getOrThrow(yield* upload("client"))
    same(stored(known.url))
    assert.isTrue(Either.isLeft(yield* upload("stranger")))
  })
} satisfies Proofs
