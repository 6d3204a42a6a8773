/**
 * Recovery of uploads from failures.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import {
  Connectivity,
  type Progress,
  StreamSource,
  TusTransport,
  TusUpload,
  UploadJournal,
  type UploadOptions,
  UploadSource
} from "effect-tus/client"
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { createHash } from "node:crypto"
import { endpoint } from "../loopback.js"
import { answer, metadataAt, passing, type Script, storedAt, world } from "./world.js"

const bytes = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 31) % 251)
const source = UploadSource.fromBytes(bytes)
const base = { endpoint, source, createWithUpload: 0 }

const stores = (options: Partial<UploadOptions.UploadOptions> = {}) =>
  passing(Effect.gen(function*() {
    const events = [...(yield* Stream.runCollect(TusUpload.upload({ ...base, ...options })))]
    const last = events.at(-1)
    assert.strictEqual(last?.event, "Complete")
    assert.isTrue(Buffer.from(bytes).equals(yield* storedAt(Option.getOrThrow(last?.url ?? Option.none()))))
    return events
  }))

const fails = (options: Partial<UploadOptions.UploadOptions> = {}) =>
  passing(Effect.flip(TusUpload.run({ ...base, ...options })))

const happened = (events: ReadonlyArray<Progress.Progress>) =>
  events.map(({ event }) => event).filter((event) => event !== "Sent").join(" ")

const beginnings = (events: ReadonlyArray<Progress.Progress>) =>
  events.filter(({ event }) => event === "Created" || event === "Resumed")

/** Answers the first requests of a method instead of the server. */
const first = (method: string, ...answers: ReadonlyArray<ReturnType<typeof answer>>): Script => (request, _, nth) =>
  request.method === method ? answers[nth - 1] : undefined

const closed = Effect.fail(new TusTransport.TransportError({ reason: "Closed", cause: "test" }))
const once = Schedule.recurs(1)

const lie = (offset: string): Script => (request, exchange) =>
  request.method === "PATCH"
    ? Effect.map(exchange(request), (response) => ({
      ...response,
      headers: { ...response.headers, "upload-offset": offset }
    }))
    : undefined

const elsewhere: Script = (request, exchange) =>
  request.method === "POST"
    ? Effect.map(exchange(request), (response) => ({
      ...response,
      headers: { ...response.headers, location: `http://other${response.headers.location}` }
    }))
    : undefined

const without = (...lacking: ReadonlyArray<string>): Script => (request, exchange) =>
  request.method !== "OPTIONS" ? undefined : Effect.map(exchange(request), (response) => ({
    ...response,
    headers: {
      ...response.headers,
      "tus-extension": (response.headers["tus-extension"] ?? "").split(",").filter((name) => !lacking.includes(name))
        .join(",")
    }
  }))

const file = (content: Uint8Array) =>
  UploadSource.fromRange({
    name: "file",
    length: content.length,
    modified: 0,
    read: (start, end) => Stream.make(content.slice(start, end))
  })

describe("recovery", () => {
  for (const status of [408, 423, 425, 429, 500, 503, 507]) {
    it.effect(`continues after ${status}, also to HEAD`, () => {
      const { layer, methods } = world((request, exchange, nth) =>
        first("PATCH", answer(status))(request, exchange, nth) ?? first("HEAD", answer(status))(request, exchange, nth)
      )
      return Effect.gen(function*() {
        assert.strictEqual(happened(yield* stores()), "Created Retrying Retrying Acknowledged Acknowledged Complete")
        assert.strictEqual(methods(), "POST PATCH HEAD HEAD PATCH")
      }).pipe(Effect.provide(layer))
    })
  }

  for (const status of [400, 403, 405, 412, 415, 301]) {
    it.effect(`gives up at once after ${status}, with an error that has all facts`, () => {
      const { layer, methods } = world(first("PATCH", answer(status, { location: "https://there/" }, "<b>no</b>")))
      return Effect.gen(function*() {
        const error = yield* fails()
        assert.strictEqual(error._tag, "Refused")
        if (error._tag === "Refused") {
          deepStrictEqual([error.status, error.text, error.method, error.attempts], [status, "<b>no</b>", "PATCH", 1])
          deepStrictEqual(error.offset, Option.some(0))
          assert.match(error.message, /^PATCH http:\/\/loopback\/files\/\w+ was answered \d+: no/)
        }
        assert.strictEqual(methods(), "POST PATCH")
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("waits as long as Retry-After says", () => {
    const { layer } = world(first("PATCH", answer(503, { "retry-after": "120" })))
    return Effect.gen(function*() {
      yield* stores()
      assert.isAtLeast(yield* TestClock.currentTimeMillis, 120_000)
    }).pipe(Effect.provide(layer))
  })

  it.effect("starts the schedule again with each acknowledged byte", () => {
    const { layer } = world((request, exchange, nth) =>
      request.method === "PATCH" && nth % 2 === 1 ? Effect.zipRight(exchange(request), closed) : undefined
    )
    return Effect.gen(function*() {
      const events = yield* stores({ chunkSize: 20_000, retry: once })
      assert.isAbove(events.at(-1)?.retries ?? 0, 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("fails with the last error and the number of attempts when the schedule ends", () => {
    const { layer } = world((request) => request.method === "PATCH" ? closed : undefined)
    return Effect.gen(function*() {
      const error = yield* fails({ retry: Schedule.recurs(2) })
      assert.isTrue(error._tag === "Unanswered" && error.reason === "Closed" && error.attempts === 3)
      assert.match(error.message, /tried 3 times/)
    }).pipe(Effect.provide(layer))
  })

  it.effect("completes without the last response if that was lost", () => {
    const { layer, methods } = world((request, exchange, nth) =>
      request.method === "PATCH" && nth === 1 ? Effect.zipRight(exchange(request), closed) : undefined
    )
    return Effect.gen(function*() {
      const { answer, complete } = yield* passing(TusUpload.run(base))
      deepStrictEqual([methods(), complete, answer], ["POST PATCH HEAD", true, Option.none()])
    }).pipe(Effect.provide(layer))
  })

  it.effect("creates a lost upload anew, once", () => {
    const lost = world(first("PATCH", answer(404)))
    const lostTwice = world(first("PATCH", answer(410), answer(404)))
    return Effect.gen(function*() {
      const events = yield* Effect.provide(stores(), lost.layer)
      assert.strictEqual(happened(events), "Created Recreated Created Acknowledged Complete")
      deepStrictEqual(events.find(({ event }) => event === "Recreated")?.answer, Option.none())
      const error = yield* Effect.provide(fails(), lostTwice.layer)
      assert.strictEqual(error._tag === "Refused" && error.status, 404)
    })
  })

  it.effect("does not replace an upload whose URL was given", () => {
    const { layer, methods } = world()
    return Effect.gen(function*() {
      const error = yield* fails({ url: `${endpoint}/${"a".repeat(32)}` })
      assert.strictEqual(error._tag === "Refused" && error.status, 404)
      assert.strictEqual(methods(), "HEAD")
    }).pipe(Effect.provide(layer))
  })

  it.effect("sends HEAD at once after a conflict, and uses the schedule if the conflict lasts", () => {
    const lost = world((request, exchange, nth) =>
      request.method === "PATCH" && nth === 1 ? Effect.zipRight(exchange(request), answer(409)) : undefined
    )
    const stubborn = world((request) => request.method === "PATCH" ? answer(409) : undefined)
    return Effect.gen(function*() {
      const events = yield* Effect.provide(stores({ retry: Schedule.recurs(0) }), lost.layer)
      assert.strictEqual(events.at(-1)?.retries, 0)
      const error = yield* Effect.provide(fails({ retry: once }), stubborn.layer)
      assert.strictEqual(error._tag === "Refused" && error.status, 409)
    })
  })

  it.effect("halves chunks that are too large, and remembers that for the endpoint", () => {
    const { layer, requests } = world((request) => (request.body?.length ?? 0) > 30_000 ? answer(413) : undefined)
    return Effect.gen(function*() {
      const chunkSize = { min: 1000 }
      assert.include(happened(yield* stores({ chunkSize })), "Shrunk")
      const before = requests.length
      yield* stores({ chunkSize })
      assert.isTrue(requests.slice(before).every(({ length = 0 }) => length <= 30_000))
    }).pipe(Effect.provide(layer))
  })

  it.effect("halves chunks on which the connection breaks or stalls repeatedly", () => {
    const failing = (what: typeof closed) =>
      world((request) => (request.body?.length ?? 0) > 30_000 ? what : undefined).layer
    return Effect.forEach(
      [closed, Effect.never],
      (what) => Effect.provide(stores({ chunkSize: { min: 1000 } }), failing(what))
    )
  })

  it.effect("makes no attempt while there is no network, and does not use the schedule", () => {
    const { layer, methods } = world()
    return Effect.gen(function*() {
      const network = yield* Deferred.make<void>()
      const uploading = yield* Effect.fork(stores({ retry: Schedule.recurs(0) })).pipe(
        Effect.provideService(Connectivity.Connectivity, { online: Deferred.await(network) })
      )
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(methods(), "")
      yield* Deferred.succeed(network, undefined)
      yield* uploading
    }).pipe(Effect.provide(layer))
  })

  it.effect("does not use the schedule while the platform reports offline, but for every other failure", () => {
    let left = 20
    let offline = true
    const { layer, methods } = world(() => left-- > 0 ? closed : undefined)
    return Effect.gen(function*() {
      const connectivity = { online: Effect.sleep("10 seconds"), isOffline: () => offline }
      const uploading = stores({ retry: Schedule.recurs(0) }).pipe(
        Effect.provideService(Connectivity.Connectivity, connectivity),
        passing
      )
      yield* uploading
      assert.isAbove(methods().split(" ").length, 20)
      left = 1
      offline = false
      assert.strictEqual((yield* Effect.flip(uploading))._tag, "Unanswered")
    }).pipe(Effect.provide(layer))
  })

  it.effect("ends a request in which no byte moves, and sends HEAD", () => {
    const { layer, methods } = world(first("PATCH", Effect.never))
    return Effect.gen(function*() {
      const events = yield* stores()
      const problem = events.find(({ event }) => event === "Retrying")?.problem ?? Option.none()
      assert.isTrue(Option.exists(problem, (error) => error._tag === "Unanswered" && error.reason === "Stalled"))
      assert.strictEqual(methods(), "POST PATCH HEAD PATCH")
    }).pipe(Effect.provide(layer))
  })

  it.effect("makes new headers after 401, once, and keeps the offset", () => {
    const asked: Array<boolean> = []
    const { layer, requests } = world(
      (request) => request.method === "PATCH" && request.headers.authorization !== "new" ? answer(401) : undefined,
      {
        client: {
          headers: ({ refresh }) =>
            Effect.sync(() => {
              asked.push(refresh)
              return { Authorization: refresh ? "new" : "old", "Upload-Offset": "7" }
            })
        }
      }
    )
    const never = world((request) => request.method === "PATCH" ? answer(401) : undefined)
    return Effect.gen(function*() {
      yield* Effect.provide(stores({ retry: Schedule.recurs(0) }), layer)
      deepStrictEqual(asked, [false, false, true, true])
      assert.strictEqual(requests.at(-1)?.headers["upload-offset"], "0")
      const error = yield* Effect.provide(fails(), never.layer)
      assert.strictEqual(error._tag === "Refused" && error.status, 401)
    })
  })

  it.effect("refuses an impossible offset", () => {
    return Effect.gen(function*() {
      const beyond = yield* Effect.provide(fails(), world(lie("100002")).layer)
      assert.strictEqual(beyond._tag === "Misbehaved" && beyond.reason, "OffsetBeyond")
      const none = yield* Effect.provide(fails(), world(lie("none")).layer)
      assert.strictEqual(none._tag === "Misbehaved" && none.reason, "NotTus")
    })
  })

  it.effect("goes back with a server that has lost bytes, if the source can", () => {
    const forgets = first("PATCH", answer(204, { "upload-offset": "40000" }))
    return Effect.gen(function*() {
      const { layer, requests } = world(forgets)
      yield* Effect.provide(stores({ chunkSize: 40_000 }), layer)
      deepStrictEqual(
        requests.filter(({ method }) => method === "PATCH").map(({ headers }) => headers["upload-offset"]),
        ["0", "40000", "0", "40000", "80000"]
      )
      const stream = yield* StreamSource.make(Stream.make(bytes), { name: "a stream", length: bytes.length })
      const behind = yield* Effect.provide(fails({ chunkSize: 40_000, source: stream }), world(forgets).layer)
      assert.strictEqual(behind._tag === "Misbehaved" && behind.reason, "OffsetBehind")
    }).pipe(Effect.scoped)
  })

  it.effect("goes back as often as the schedule allows", () =>
    Effect.gen(function*() {
      const { layer, methods } = world((request) =>
        request.method === "PATCH" && request.headers["upload-offset"] === "0"
          ? answer(204, { "upload-offset": "40000" })
          : undefined
      )
      yield* Effect.provide(fails({ chunkSize: 40_000, retry: Schedule.recurs(3) }), layer)
      assert.isBelow(methods().split(" ").length, 20)
    }))

  it.effect("recognizes that a web page is no tus server", () => {
    const { layer } = world((request) => answer(200, { "content-type": "text/html" }, `<p>${request.url}</p>`))
    return Effect.gen(function*() {
      const error = yield* fails()
      assert.strictEqual(error._tag === "Misbehaved" && error.reason, "NotTus")
      assert.match(error.message, /got 200 with text\/html; is this the URL of a tus server\?/)
      assert.strictEqual(error._tag === "Misbehaved" && error.text, `<p>${endpoint}</p>`)
    }).pipe(Effect.provide(layer))
  })

  it.effect("follows a Location to another host only if that is allowed, without the headers", () => {
    const options = { client: { headers: () => Effect.succeed({ authorization: "secret" }) } }
    const refused = world(elsewhere, options)
    const allowed = world(elsewhere, options)
    return Effect.gen(function*() {
      assert.strictEqual((yield* Effect.provide(fails(), refused.layer))._tag, "ForeignLocation")
      yield* Effect.provide(stores({ allowedHosts: ["other"] }), allowed.layer)
      deepStrictEqual(allowed.requests.map(({ headers }) => headers.authorization), ["secret", undefined])
    })
  })
})

describe("a limit of the server", () => {
  it.effect("is a missing extension, which is worked around if possible", () => {
    const { layer, methods } = world(without("creation-with-upload", "concatenation", "checksum-trailer"))
    return Effect.gen(function*() {
      yield* stores({ createWithUpload: 10 ** 6, parallel: 3, checksum: "sha256" })
      assert.strictEqual(methods(), "OPTIONS POST PATCH")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is a missing extension, which else is an error before anything is created", () => {
    const { layer, methods } = world(without("checksum"))
    return Effect.gen(function*() {
      for (const options of [{}, { parallel: 3 }, { createWithUpload: 10 ** 6 }]) {
        const error = yield* fails({ checksum: "sha256", ...options })
        assert.strictEqual(error._tag === "Unsupported" && error.extension, "checksum")
      }
      assert.strictEqual(methods(), "OPTIONS")
    }).pipe(Effect.provide(layer))
  })

  it.effect("is a maximum size, which is an error before a byte is sent", () => {
    const { layer, methods } = world(undefined, { policy: { maxSize: 1000 } })
    return Effect.gen(function*() {
      const error = yield* fails({ createWithUpload: 1000 })
      assert.strictEqual(error._tag === "TooLarge" && error.limit, 1000)
      assert.strictEqual(methods(), "OPTIONS")
    }).pipe(Effect.provide(layer))
  })
})

describe("checksums", () => {
  const ways: ReadonlyArray<readonly [title: string, trailers: boolean, source: UploadSource.UploadSource]> = [
    ["behind bytes that are read while they are sent", true, { ...source, bytes: undefined }],
    ["before bytes that are known, though trailers are possible", true, source],
    ["before them, without trailers", false, { ...source, bytes: undefined }]
  ]
  for (const [title, trailers, source] of ways) {
    it.effect(`are sent with each chunk, ${title}, and a corrupted chunk is sent again`, () => {
      const { layer, requests } = world(first("PATCH", answer(460)), { trailers })
      return Effect.gen(function*() {
        yield* stores({ source, checksum: "sha1", chunkSize: 60_000 })
        const patches = requests.filter(({ method }) => method === "PATCH")
        const isBehind = trailers && source.bytes === undefined
        assert.strictEqual(patches.length, 3)
        assert.isTrue(patches.every(({ headers }) => isBehind === (headers["upload-checksum"] === undefined)))
        assert.isTrue(patches.every(({ headers }) => isBehind === (headers.trailer === "Upload-Checksum")))
      }).pipe(Effect.provide(layer))
    })
  }
})

describe("parts", () => {
  it.effect("are uploaded separately and joined, and the whole has the metadata", () => {
    const { layer, requests } = world()
    return Effect.gen(function*() {
      const events = yield* stores({ parallel: 3, metadata: { name: "x" } })
      const url = Option.getOrThrow(events.at(-1)?.url ?? Option.none())
      deepStrictEqual(yield* metadataAt(url), Option.some("name eA=="))
      deepStrictEqual(
        requests.filter(({ method }) => method === "POST").map(({ headers }) => headers["upload-metadata"]),
        [
          undefined,
          undefined,
          undefined,
          "name eA=="
        ]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("begin with one report for the whole", () => {
    let patches = Number.POSITIVE_INFINITY
    const { layer } = world((request) => request.method === "PATCH" && patches-- <= 0 ? closed : undefined)
    return Effect.gen(function*() {
      const options = { source: file(bytes), chunkSize: 10_000, parallel: 3 }
      deepStrictEqual(beginnings(yield* stores(options)).map(({ event }) => event), ["Created"])
      patches = 4
      yield* fails({ ...options, retry: Schedule.recurs(0) })
      patches = Number.POSITIVE_INFINITY
      const journal = yield* UploadJournal.UploadJournal
      const left = (yield* journal.list).reduce((sum, { acknowledged }) => sum + acknowledged, 0)
      assert.isAbove(left, 0)
      const [resumed, ...more] = beginnings(yield* stores(options))
      deepStrictEqual([resumed?.event, more], ["Resumed", []])
      assert.isAtLeast(resumed?.acknowledged ?? 0, left)
    }).pipe(Effect.provide(Layer.merge(layer, UploadJournal.layerMemory)))
  })

  it.effect("are removed when one of them fails for good", () => {
    const { layer, methods } = world(first("PATCH", Effect.never, answer(403)))
    return Effect.gen(function*() {
      const error = yield* fails({ parallel: 2 })
      assert.strictEqual(error._tag === "Refused" && error.status, 403)
      assert.strictEqual(methods().split(" ").filter((method) => method === "DELETE").length, 2)
    }).pipe(Effect.provide(layer))
  })
})

describe("another session", () => {
  for (const parallel of [1, 3]) {
    it.effect(`resumes where the last one failed, ${parallel} at once, and empties the journal at the end`, () => {
      let down = true
      const { layer, requests } = world((request, _, nth) =>
        down && request.method === "PATCH" && nth > 4 ? closed : undefined
      )
      return Effect.gen(function*() {
        const options = { source: file(bytes), chunkSize: 10_000, parallel }
        yield* fails({ ...options, retry: Schedule.recurs(0) })
        const journal = yield* UploadJournal.UploadJournal
        const left = (yield* journal.list).length
        assert.isAtLeast(left, 1)
        down = false
        const before = requests.length
        yield* stores(options)
        const asked = requests.slice(before).filter(({ method }) => method === "HEAD").length
        assert.strictEqual(asked, parallel === 1 ? left : left + 1)
        assert.isBelow(requests.slice(before).reduce((sum, { length = 0 }) => sum + length, 0), bytes.length)
        deepStrictEqual(yield* journal.list, [])
      }).pipe(Effect.provide(Layer.merge(layer, UploadJournal.layerMemory)))
    })
  }

  it.effect("starts again if the source has changed, with the same name, size and samples", () => {
    let down = true
    const { layer, methods } = world((request, _, nth) =>
      down && request.method === "PATCH" && nth > 4 ? closed : undefined
    )
    const long = Uint8Array.from({ length: 2_000_000 }, (_, i) => (i * 31) % 251)
    const other = Uint8Array.from(long)
    other[100_000] = 255
    return Effect.gen(function*() {
      const options = { chunkSize: 100_000 }
      yield* fails({ ...options, source: file(long), retry: Schedule.recurs(0) })
      down = false
      const { url } = yield* passing(TusUpload.run({ ...base, ...options, source: file(other) }))
      assert.isTrue(Buffer.from(other).equals(yield* storedAt(url)))
      assert.match(methods(), /HEAD POST/)
    }).pipe(Effect.provide(Layer.merge(layer, UploadJournal.layerMemory)))
  })

  it.effect("finds the bytes that a killed session sent after its last write to the journal", () => {
    let down = true
    const { layer, requests } = world((request, _, nth) =>
      down && request.method === "PATCH" && nth > 4 ? closed : undefined
    )
    const long = Uint8Array.from({ length: 2_000_000 }, (_, i) => (i * 31) % 251)
    const options = { chunkSize: 100_000, retry: Schedule.recurs(0) }
    const journaled = Effect.flatMap(UploadJournal.UploadJournal, ({ list }) => Effect.flatMap(list, Arr.head))
    return Effect.gen(function*() {
      const journal = yield* UploadJournal.UploadJournal
      yield* fails({ ...options, source: file(long) })
      const last = yield* journaled
      const early = {
        algorithm: "sha256",
        length: 1000,
        digest: Uint8Array.from(createHash("sha256").update(long.subarray(0, 1000)).digest())
      }
      yield* journal.put(new UploadJournal.JournalEntry({ ...last, prefix: Option.some(early) }))

      yield* fails({ ...options, source: file(long) })
      const prefix = Option.getOrThrow((yield* journaled).prefix)
      assert.isAtLeast(prefix.length, 200_000)
      const digest = createHash("sha256").update(long.subarray(0, prefix.length)).digest()
      assert.strictEqual(Buffer.from(prefix.digest).toString("hex"), digest.toString("hex"))

      down = false
      const before = requests.length
      const { url } = yield* passing(TusUpload.run({ ...base, ...options, source: file(long) }))
      assert.isTrue(Buffer.from(long).equals(yield* storedAt(url)))
      assert.isFalse(requests.slice(before).some(({ method }) => method === "POST"))
    }).pipe(Effect.provide(Layer.merge(layer, UploadJournal.layerMemory)))
  })
})
