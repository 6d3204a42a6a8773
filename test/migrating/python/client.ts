/**
 * The rows about its client.
 */
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Metadata } from "effect-tus"
import { StreamSource, TusClient, TusUpload, UploadJournal, UploadSource } from "effect-tus/client"
import { FileSource } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { raw } from "../../node-client/servers.js"
import { read } from "../../node/certificates.js"
import type { Proofs } from "../tables.js"
import {
  answering,
  authorized,
  bytes,
  certified,
  chunked,
  client,
  failing,
  file,
  journal,
  logged,
  run,
  same,
  type Scripted,
  serve,
  source,
  told,
  uploading,
  watched
} from "./setting.js"

const terminate = (url: string) => Effect.provide(TusUpload.terminate(url), client())

const discover = (url: string) =>
  Effect.flatMap(TusClient.TusClient, ({ discover }) => discover({ url })).pipe(
    Effect.map(Option.getOrThrow),
    Effect.provide(client(authorized))
  )

export const clientRows = {
  TusClient: Effect.gen(function*() {
    const { sockets, stored, url: endpoint } = yield* watched()
    const twice = Effect.replicateEffect(TusUpload.run({ endpoint, source: yield* source }), 2)
    const results = yield* Effect.provide(twice, client())
    results.forEach(({ url }) => same(stored(url)))
    assert.strictEqual(sockets.length, 1)
  }),
  url: Effect.gen(function*() {
    const { of, stored, url } = yield* watched()
    const result = yield* run({ endpoint: `${url}/`, source: yield* source })
    assert.strictEqual(of("POST")[0]?.url, "/files/")
    same(stored(result.url))
  }),
  chunk_size: Effect.gen(function*() {
    let tooLarge: Scripted | undefined
    const { of, url: endpoint } = yield* watched(({ method }) => {
      const answer = method === "PATCH" ? tooLarge : undefined
      tooLarge = method === "PATCH" ? undefined : tooLarge
      return answer
    })
    const sizes = () => of("PATCH").map(({ headers }) => headers["content-length"]).join(" ")
    const options = { endpoint, source: UploadSource.fromBytes(bytes), createWithUpload: 0 }
    yield* run({ ...options, chunkSize: 100_000 })
    assert.strictEqual(sizes(), "100000 100000 100000")
    yield* run(options)
    assert.strictEqual(sizes(), "100000 100000 100000 300000")
    tooLarge = { status: 413 }
    yield* run(options)
    assert.strictEqual(sizes(), "100000 100000 100000 300000 300000 150000 150000")
    const error = yield* failing({ ...options, chunkSize: 1.5 })
    assert.strictEqual(error._tag === "InvalidOption" && error.option, "chunkSize")
  }),
  checksum: Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched()
    const options = { endpoint, source: yield* source, createWithUpload: 0 }
    for (const checksum of [undefined, "sha1", "md5", "sha256", "sha512", "crc32", "crc32c"] as const) {
      yield* run({ ...options, checksum })
      assert.strictEqual(of("PATCH").at(-1)?.headers.trailer, checksum && "Upload-Checksum")
    }
    assert.match(of("PATCH")[1]?.trailers["upload-checksum"] ?? "", /^sha1 /)
    const without = yield* watched(({ method }) =>
      method === "OPTIONS"
        ? { status: 204, headers: { "tus-version": "1.0.0", "tus-extension": "creation" } }
        : undefined
    )
    const error = yield* failing({ ...options, endpoint: without.url, checksum: "sha1" })
    assert.strictEqual(error._tag, "Unsupported")
    assert.strictEqual(without.methods(), "OPTIONS")
  }),
  verify_tls_cert: logged((lines) =>
    Effect.gen(function*() {
      const { stored, url: endpoint } = yield* serve({ tls: certified() })
      const options = { endpoint, source: yield* source }
      const error = yield* failing(options)
      assert.strictEqual(error._tag === "Unanswered" && error.reason, "Tls")
      same(stored((yield* run(options, { ca: read("ca.pem") })).url))
      deepStrictEqual(lines, [])
      same(stored((yield* run(options, { insecure: true })).url))
      assert.match(lines.join(), /certificates are not verified/)
    })
  ),
  metadata_encoding: Effect.gen(function*() {
    const { ask, url: endpoint } = yield* serve()
    const metadata = { name: "é", raw: Uint8Array.of(0xe9) }
    const { url } = yield* run({ endpoint, source: yield* source, metadata })
    assert.strictEqual((yield* ask("HEAD", new URL(url).pathname)).headers["upload-metadata"], "name w6k=,raw 6Q==")
  }),
  "store_url, url_storage": Effect.gen(function*() {
    const { stored, told: asked, url: endpoint } = yield* serve()
    const { entries, layer } = yield* journal
    const options = { endpoint, source: yield* source }
    const begin = Effect.provide(run({ ...options, stopAt: 100_000 }), layer)
    const first = yield* begin
    assert.strictEqual(entries().length, 1)
    assert.strictEqual((yield* Effect.provide(run(options), layer)).url, first.url)
    same(stored(first.url))
    deepStrictEqual(entries(), [])

    const second = yield* begin
    assert.strictEqual(yield* asked("DELETE", new URL(second.url).pathname), 204)
    const third = yield* Effect.provide(run(options), layer)
    assert.notStrictEqual(third.url, second.url)
    same(stored(third.url))
    deepStrictEqual(entries(), [])
  }),
  fingerprinter: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const named = Effect.fnUntraced(function*(contents: Uint8Array, name: string) {
      const source = yield* FileSource.make(yield* file(contents))
      return {
        endpoint,
        source: {
          ...source,
          identity: Option.some({ name, size: contents.length, modified: Option.none<number>() })
        }
      }
    })
    yield* Effect.gen(function*() {
      const { url } = yield* run({ ...(yield* named(bytes, "a")), stopAt: 100_000 })
      const left = (contents: Uint8Array, name: string) =>
        Effect.map(Effect.flatMap(named(contents, name), TusUpload.findPrevious), (left) => left.map(({ url }) => url))
      deepStrictEqual(yield* left(bytes, "a"), [url])
      deepStrictEqual(yield* left(bytes, "b"), [])
      deepStrictEqual(yield* left(bytes.toReversed(), "a"), [])
    }).pipe(Effect.provide(UploadJournal.layerMemory))
  }),
  headers: Effect.gen(function*() {
    const { seen, url: endpoint } = yield* watched()
    let asked = 0
    yield* run({ endpoint, source: yield* source, ...chunked }, {
      headers: () => Effect.sync(() => ({ authorization: `Bearer ${asked++}`, "Upload-Offset": "7" }))
    })
    deepStrictEqual(
      seen.map(({ headers, method }) => `${method} ${headers.authorization}`),
      ["POST", "PATCH", "PATCH", "PATCH"].map((method, i) => `${method} Bearer ${i}`)
    )
    deepStrictEqual(seen.slice(1).map(({ headers }) => headers["upload-offset"]), ["0", "100000", "200000"])
  }),
  "max_retries, retry_delay": Effect.gen(function*() {
    const retry = Schedule.intersect(Schedule.exponential("1 millis"), Schedule.recurs(3))
    const options = { source: yield* source, ...chunked, retry }
    const creation = yield* answering("POST", { status: 503 }, (nth) => nth < 4)
    yield* run({ ...options, endpoint: creation.url })
    assert.strictEqual(creation.of("POST").length, 4)
    const always = yield* answering("PATCH", { status: 500 })
    const error = yield* failing({ ...options, endpoint: always.url })
    assert.strictEqual(always.of("PATCH").length, 4)
    assert.strictEqual(error._tag === "Refused" && error.attempts, 4)
    // Three failures before each of three chunks.
    const often = yield* answering("PATCH", { status: 500 }, (nth) => nth % 4 !== 0)
    yield* run({ ...options, endpoint: often.url })
    assert.strictEqual(often.of("PATCH").length, 12)
    const no = yield* answering("POST", { status: 403 })
    yield* failing({ ...options, endpoint: no.url })
    assert.strictEqual(no.of("POST").length, 1)
  }),
  timeout: Effect.gen(function*() {
    const { url: endpoint } = yield* raw((socket) => socket.resume())
    const error = yield* failing({ endpoint, source: yield* source, retry: Schedule.stop }, {
      stallTimeout: "50 millis",
      connectTimeout: "1 minute"
    })
    assert.strictEqual(error._tag === "Unanswered" && error.reason, "Stalled")
    const handshake = { endpoint: endpoint.replace("http:", "https:"), source: yield* source, retry: Schedule.stop }
    const unconnected = yield* failing(handshake, { connectTimeout: "50 millis" })
    assert.strictEqual(unconnected._tag === "Unanswered" && unconnected.reason, "Unreachable")
    // The pauses together are longer than the stall timeout, but each of them is shorter.
    const { stored, url } = yield* serve()
    const slow = UploadSource.fromRange({
      name: "slow",
      length: 4,
      read: (start, end) =>
        Stream.range(start, end - 1).pipe(
          Stream.mapEffect((i) => Effect.delay(Effect.succeed(bytes.slice(i, i + 1)), "300 millis"))
        )
    })
    const result = yield* run({ endpoint: url, source: slow, retry: Schedule.stop }, { stallTimeout: "1 second" })
    same(stored(result.url), bytes.slice(0, 4))
  }),
  upload_file: Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve()
    const result = yield* run({ endpoint, source: yield* source, ...chunked })
    same(stored(result.url))
    deepStrictEqual([result.bytes, result.complete, result.attempts], [300_000, true, 3])
    assert.isAbove(result.seconds, 0)
  }),
  file_path: Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve()
    const path = yield* file()
    const before = yield* FileSource.make(path)
    same(stored((yield* run({ endpoint, source: before })).url))
    writeFileSync(path, "more", { flag: "a" })
    const error = yield* failing({ endpoint, source: before })
    assert.strictEqual(error._tag === "SourceError" && error.reason, "Changed")
  }),
  file_stream: Effect.gen(function*() {
    const { stored, url: endpoint } = yield* serve()
    const source = yield* StreamSource.make(Stream.make(bytes.slice(0, 1000), bytes.slice(1000)))
    deepStrictEqual([source.length, source.seekable], [Option.none(), false])
    same(stored((yield* run({ endpoint, source, ...chunked })).url))
  }),
  "metadata, filename": Effect.gen(function*() {
    const { ask, url: endpoint } = yield* serve()
    const metadataOf = (metadata: Record<string, string>) =>
      Effect.gen(function*() {
        const { url } = yield* run({ endpoint, source: yield* source, metadata })
        return (yield* ask("HEAD", new URL(url).pathname)).headers["upload-metadata"]
      })
    const metadata = {}
    assert.strictEqual(yield* metadataOf(metadata), undefined)
    deepStrictEqual(metadata, {})
    assert.strictEqual(yield* metadataOf({ filename: "a" }), "filename YQ==")
  }),
  progress_callback: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const events = yield* told({ endpoint, source: yield* source, ...chunked })
    deepStrictEqual(
      events.filter(({ event }) => event !== "Sent").map(({ acknowledged, event }) => `${event} ${acknowledged}`),
      ["Created 0", "Acknowledged 100000", "Acknowledged 200000", "Acknowledged 300000", "Complete 300000"]
    )
  }),
  stop_at: Effect.gen(function*() {
    const { offsetOf, url: endpoint } = yield* serve()
    const { bytes, complete, url } = yield* run({ endpoint, source: yield* source, stopAt: 150_000 })
    deepStrictEqual([bytes, complete], [150_000, false])
    assert.strictEqual(yield* offsetOf(new URL(url).pathname), 150_000)
    assert.isTrue((yield* run({ endpoint, source: yield* source, stopAt: 400_000 })).complete)
  }),
  "resume_upload, upload_url": Effect.gen(function*() {
    const { methods, stored, url: endpoint } = yield* watched()
    const options = { endpoint, source: yield* source }
    const { url } = yield* run({ ...options, stopAt: 100_000, createWithUpload: 0 })
    const before = methods()
    assert.strictEqual((yield* run({ ...options, url })).url, url)
    assert.strictEqual(methods().slice(before.length), " HEAD PATCH")
    same(stored(url))
  }),
  delete_upload: Effect.gen(function*() {
    const { told, url: endpoint } = yield* serve()
    const { url } = yield* run({ endpoint, source: yield* source })
    yield* terminate(url)
    assert.strictEqual(yield* told("HEAD", new URL(url).pathname), 404)
    yield* terminate(url)
    const gone = yield* answering("DELETE", { status: 410 })
    yield* terminate(`${gone.url}/a`)
    assert.strictEqual(gone.methods(), "DELETE")
  }),
  encode_metadata: Effect.gen(function*() {
    const header = Schema.encodeSync(Metadata.FromRaw)(new Map([["a", new TextEncoder().encode("b")]]))
    assert.strictEqual(header, "a Yg==")
    const { seen, url: endpoint } = yield* watched()
    for (const key of ["", "a b", "a,b"]) {
      const error = yield* failing({ endpoint, source: yield* source, metadata: { [key]: "" } })
      assert.strictEqual(error._tag === "InvalidOption" && error.option, "metadata")
    }
    assert.strictEqual(seen.length, 0)
  }),
  "get_file_size, get_file_stream": Effect.gen(function*() {
    const { length, ...rest } = yield* source
    deepStrictEqual(length, Option.some(300_000))
    const pieces: Array<Uint8Array> = []
    yield* UploadSource.forEach({ length, ...rest }, 1000, 10, (piece) => pieces.push(piece.slice()))
    same(Buffer.concat(pieces), bytes.slice(1000, 1010))
  }),
  "update_headers, get_headers": Effect.gen(function*() {
    const { of, url: endpoint } = yield* watched(({ headers }) =>
      headers.authorization === "new" ? undefined : { status: 401 }
    )
    const token = yield* Ref.make("old")
    yield* run({ endpoint, source: yield* source, retry: Schedule.stop }, {
      headers: ({ refresh }) =>
        Effect.map(
          Effect.zipRight(Effect.when(Ref.set(token, "new"), () => refresh), Ref.get(token)),
          (authorization) => ({ authorization })
        )
    })
    deepStrictEqual(of("OPTIONS").map(({ headers }) => headers.authorization), ["old", "new"])
  }),
  get_metadata: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const metadata = { name: "é", size: "7" }
    const { url } = yield* run({ endpoint, source: yield* source, metadata })
    const header = Option.getOrThrow((yield* Effect.provide(TusUpload.info(url), client())).metadata)
    deepStrictEqual(Object.entries(Schema.decodeSync(Metadata.TextFromRaw)(header)), Object.entries(metadata))
    const typed = Metadata.schema(Schema.Struct({ name: Schema.String, size: Schema.NumberFromString }))
    deepStrictEqual(Schema.decodeSync(typed)(header), { name: "é", size: 7 })
    deepStrictEqual(Schema.decodeSync(Metadata.FromRaw)("raw 6Q==").get("raw"), Uint8Array.of(0xe9))
    assert.throws(() => Schema.decodeSync(Metadata.TextFromRaw)("raw 6Q=="))
  }),
  "get_upload_info, offset, length, complete, metadata": Effect.gen(function*() {
    const { url: endpoint } = yield* serve({ expiresAfter: "1 day" })
    const options = { endpoint, source: yield* source }
    const at = (stopAt: number) =>
      Effect.flatMap(run({ ...options, stopAt }), ({ url }) => Effect.provide(TusUpload.info(url), client()))
    const some = yield* at(1000)
    deepStrictEqual([some.offset.pipe(Option.map(Number)), some.length.pipe(Option.map(Number))], [
      Option.some(1000),
      Option.some(300_000)
    ])
    deepStrictEqual([Option.isSome(some.expires), some.metadata], [true, Option.none()])
    const complete = yield* at(300_000)
    deepStrictEqual(complete.offset, complete.length)
  }),
  "get_server_info, version, extensions, max_size": Effect.gen(function*() {
    const { seen, url } = yield* watched()
    yield* discover(url)
    assert.strictEqual(seen[0]?.headers.authorization, "a")
    const { algorithms, extensions, maxSize, versions } = yield* discover((yield* serve({ maxSize: 7 })).url)
    deepStrictEqual([versions, Option.map(maxSize, Number)], [["1.0.0"], Option.some(7)])
    assert.include(Option.getOrThrow(extensions), "creation")
    assert.include(Option.getOrThrow(algorithms), "sha1")
  }),
  create_uploader: Effect.gen(function*() {
    const { next } = yield* uploading
    assert.strictEqual((yield* next).acknowledged, 100_000)
    assert.strictEqual((yield* next).acknowledged, 200_000)
  }),
  Location: Effect.gen(function*() {
    const real = yield* watched()
    const elsewhere = yield* watched(({ method }) =>
      method === "POST" ? { status: 201, headers: { location: `${real.url}/${"a".repeat(22)}` } } : undefined
    )
    const options = { endpoint: elsewhere.url, source: yield* source, createWithUpload: 0 }
    assert.strictEqual((yield* failing(options))._tag, "ForeignLocation")
    yield* failing({ ...options, allowedHosts: [new URL(real.url).host] }, authorized)
    assert.strictEqual(elsewhere.of("POST").at(-1)?.headers.authorization, "a")
    assert.isAbove(real.of("PATCH").length, 0)
    assert.isTrue(real.of("PATCH").every(({ headers }) => headers.authorization === undefined))
    const { url } = yield* run({ ...options, endpoint: real.url })
    assert.isTrue(url.startsWith(`${real.url}/`))
  }),
  "_create_upload, initial_data": Effect.gen(function*() {
    const { methods, stored, url: endpoint } = yield* watched()
    const options = { endpoint, source: yield* source }
    same(stored((yield* run(options)).url))
    assert.strictEqual(methods(), "OPTIONS POST")
    yield* run({ ...options, createWithUpload: 0 })
    assert.strictEqual(methods(), "OPTIONS POST POST PATCH")
    yield* run({ ...options, source: UploadSource.fromBytes(new Uint8Array(1024 * 1024 + 1)) })
    assert.isTrue(methods().endsWith("OPTIONS POST PATCH"))
  })
} satisfies Proofs
