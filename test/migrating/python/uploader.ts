/**
 * The rows about the uploader that sends chunk by chunk, and about its statistics.
 */
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { StreamSource, TusUpload, UploadJournal, UploadOptions, UploadSource } from "effect-tus/client"
import { NodeTusClient } from "effect-tus/node-client"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { relay } from "../../interop/relay.js"
import { certificate } from "../../node-client/servers.js"
import { read } from "../../node/certificates.js"
import type { Proofs } from "../tables.js"
import {
  answering,
  bytes,
  certified,
  chunked,
  client,
  endOf,
  failing,
  journal,
  run,
  same,
  serve,
  source,
  told,
  until,
  uploading,
  watched
} from "./setting.js"

export const uploaderRows = {
  Uploader: Effect.gen(function*() {
    const { all, progress } = yield* uploading
    deepStrictEqual((yield* progress).url, Option.none())
    const { event, url } = yield* all
    deepStrictEqual([event, Option.isSome(url)], ["Complete", true])
  }),
  "url, file_path, file_stream, chunk_size, checksum, metadata_encoding, headers, timeout of an Uploader": Effect.gen(
    function*() {
      const { of, seen, stored, url: endpoint } = yield* watched()
      const { url } = yield* run({ endpoint, source: yield* source, ...chunked, stopAt: 100_000 })
      const connected = client({
        headers: () => Effect.succeed({ authorization: "a" }),
        stallTimeout: "20 seconds"
      })
      const before = seen.length
      const { all } = yield* Effect.provide(
        TusUpload.uploader({ endpoint, source: yield* source, ...chunked, url, checksum: "sha1" }),
        yield* Layer.build(connected)
      )
      yield* Effect.provide(all, yield* Layer.build(connected))
      same(stored(url))
      assert.isTrue(seen.slice(before).every(({ headers }) => headers.authorization === "a"))
      deepStrictEqual(of("PATCH").map(({ headers }) => headers.trailer), [
        undefined,
        "Upload-Checksum",
        "Upload-Checksum"
      ])
    }
  ),
  "max_retries=0, retry_delay=1.0": Effect.gen(function*() {
    const { of, url: endpoint } = yield* answering("POST", { status: 500 })
    yield* failing({ endpoint, source: yield* source, retry: Schedule.stop })
    assert.strictEqual(of("POST").length, 1)
    const attempts = yield* Schedule.run(UploadOptions.defaultRetry, 0, Array.from({ length: 20 }))
    assert.strictEqual(attempts.length, 11)
  }),
  ssl_context: Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve({ tls: { ...certified(), ca: read("ca.pem") } })
    const options = { endpoint, source: yield* source, retry: Schedule.stop }
    const own = { ca: read("ca.pem"), cert: read("client.pem"), key: read("client.key") }
    same(stored((yield* run(options, own)).url))
    assert.strictEqual((yield* failing(options, { ca: read("ca.pem") }))._tag, "Unanswered")
    const pfx = certificate("client.p12")
    yield* Effect.scoped(Layer.build(NodeTusClient.layer({ pfx, passphrase: "secret" })))
    const wrong = yield* Effect.flip(Effect.scoped(Layer.build(NodeTusClient.layer({ pfx, passphrase: "wrong" }))))
    assert.strictEqual(wrong.option, "pfx")
  }),
  stop_event: Effect.gen(function*() {
    const { stored, url: target } = yield* serve()
    const network = yield* relay(target, [], { up: 150_000, happens: "hold", times: 1 })
    const { layer } = yield* journal
    const options = { endpoint: network.url, source: yield* source, createWithUpload: 0 }
    const first = yield* Effect.fork(Effect.provide(run(options), layer))
    yield* until(Effect.sync(() => network.held() === 1))
    assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(first)))
    const [left] = yield* Effect.provide(TusUpload.findPrevious(options), layer)
    const { url } = yield* Effect.provide(run(options), layer)
    assert.strictEqual(url, left?.url)
    same(stored(url))
  }),
  "offset of an Uploader": Effect.gen(function*() {
    const { methods, url: endpoint } = yield* watched()
    const { url } = yield* run({ endpoint, source: yield* source, ...chunked, stopAt: 100_000 })
    const before = methods()
    const connected = yield* Layer.build(client())
    const { next, progress } = yield* Effect.provide(
      TusUpload.uploader({ endpoint, source: yield* source, ...chunked, url, stopAt: 100_000 }),
      connected
    )
    assert.strictEqual(methods(), before)
    yield* Effect.provide(next, connected)
    assert.strictEqual(methods(), `${before} HEAD`)
    assert.strictEqual((yield* progress).acknowledged, 100_000)
  }),
  upload_chunk: Effect.gen(function*() {
    const { next } = yield* uploading
    const steps = yield* Effect.replicateEffect(next, 4)
    deepStrictEqual(steps.map(TusUpload.isDone), [false, false, true, true])
    deepStrictEqual(steps.map(({ acknowledged, event }) => `${event} ${acknowledged}`), [
      "Acknowledged 100000",
      "Acknowledged 200000",
      "Complete 300000",
      "Complete 300000"
    ])
  }),
  upload: Effect.gen(function*() {
    const { all, next } = yield* uploading
    yield* next
    deepStrictEqual(endOf(yield* all), ["Complete", 300_000, 3])
  }),
  "409 Conflict": Effect.gen(function*() {
    const { of, patch, stored, url: endpoint } = yield* watched()
    const connected = yield* Layer.build(client())
    const { all, next } = yield* Effect.provide(
      TusUpload.uploader({ endpoint, source: UploadSource.fromBytes(new Uint8Array(300_000)), ...chunked }),
      connected
    )
    const { url } = yield* Effect.provide(next, connected)
    const path = new URL(Option.getOrThrow(url)).pathname
    yield* patch(path, 100_000, "\0".repeat(50_000))
    yield* Effect.provide(all, connected)
    same(stored(path), new Uint8Array(300_000))
    assert.strictEqual(of("HEAD").length, 1)

    const never = yield* answering("PATCH", { status: 409 })
    const retry = Schedule.intersect(Schedule.spaced("1 millis"), Schedule.recurs(2))
    yield* failing({ endpoint: never.url, source: yield* source, ...chunked, retry })
    assert.strictEqual(never.of("PATCH").length, 4)
  }),
  "stats, is_complete": Effect.gen(function*() {
    const { all, next, progress } = yield* uploading
    const last = yield* next
    deepStrictEqual(yield* progress, last)
    assert.notStrictEqual(last.event, "Complete")
    yield* all
    assert.strictEqual((yield* progress).event, "Complete")
  }),
  "close, with": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const options = { endpoint, source: yield* source, ...chunked }
    const left = yield* Effect.gen(function*() {
      yield* Effect.scoped(Effect.flatMap(TusUpload.uploader(options), ({ next }) => Effect.zipRight(next, next)))
      return yield* TusUpload.findPrevious(options)
    }).pipe(Effect.provide(Layer.merge(client(), UploadJournal.layerMemory)))
    deepStrictEqual(left.map(({ acknowledged }) => acknowledged), [200_000])
  }),
  UploadStats: Effect.gen(function*() {
    const { all, next } = yield* uploading
    const first = yield* next
    const last = yield* all
    deepStrictEqual([endOf(first), endOf(last)], [["Acknowledged", 100_000, 1], ["Complete", 300_000, 3]])
  }),
  total_bytes: Effect.gen(function*() {
    deepStrictEqual((yield* (yield* uploading).next).total, Option.some(300_000))
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* StreamSource.make(Stream.make(bytes)), ...chunked })
    deepStrictEqual([events[0]?.total, events.at(-1)?.total], [Option.none(), Option.some(300_000)])
  }),
  uploaded_bytes: Effect.gen(function*() {
    const { url: endpoint } = yield* answering("PATCH", { status: 500 }, (nth) => nth === 2)
    const events = yield* told({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(1) })
    const left = events.find(({ acknowledged, event, sent }) => event === "Sent" && sent > acknowledged)
    assert.isAbove(left?.sent ?? 0, left?.acknowledged ?? Infinity)
    const failed = events.find(({ event }) => event === "Retrying")
    deepStrictEqual([failed?.acknowledged, failed?.sent], [100_000, 100_000])
  }),
  chunks_completed: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* source, chunkSize: 200_000, createWithUpload: 0 })
    assert.strictEqual(events.at(-1)?.chunks, 2)
  }),
  "chunks_failed, chunks_retried": Effect.gen(function*() {
    const { url: endpoint } = yield* answering("PATCH", { status: 500 }, (nth) => nth < 3)
    const events = yield* told({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(2) })
    deepStrictEqual(events.flatMap(({ event, retries }) => (event === "Retrying" ? [retries] : [])), [1, 2])
  }),
  "start_time, elapsed_time": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* source, ...chunked })
    const times = events.map(({ elapsed }) => Duration.toMillis(elapsed))
    assert.isAbove(times.at(-1) ?? 0, 0)
    deepStrictEqual(times, times.toSorted((a, b) => a - b))
  }),
  "upload_speed, upload_speed_mbps": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const options = { endpoint, source: yield* source, ...chunked }
    assert.isAbove((yield* told(options)).at(-1)?.rate ?? 0, 0)
    const { url } = yield* run({ ...options, stopAt: 200_000 })
    const [resumed] = yield* told({ ...options, url })
    deepStrictEqual([resumed?.event, resumed?.acknowledged, resumed?.rate], ["Resumed", 200_000, 0])
  }),
  progress_percent: Effect.gen(function*() {
    const { acknowledged, total } = yield* (yield* uploading).next
    assert.strictEqual(Math.round((100 * acknowledged) / Option.getOrThrow(total)), 33)
  }),
  eta_seconds: Effect.gen(function*() {
    const { all, next } = yield* uploading
    const { eta, rate, sent } = yield* next
    const seconds = Duration.toSeconds(Option.getOrThrow(eta))
    assert.approximately(seconds, (300_000 - sent) / rate, 0.001)
    deepStrictEqual((yield* all).eta, Option.some(Duration.zero))
  }),
  total_chunks: Effect.gen(function*() {
    const { url: endpoint } = yield* answering("PATCH", { status: 500 }, (nth) => nth < 3)
    const { attempts } = yield* run({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(2) })
    assert.strictEqual(attempts, 5)
  })
} satisfies Proofs
