/**
 * What a session does with uploads of earlier sessions: no acknowledged byte is lost because of an error that may pass,
 * and an upload that cannot be continued is not in the way.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import {
  TusClient,
  TusError,
  TusTransport,
  TusUpload,
  UploadJournal,
  type UploadOptions,
  UploadSource
} from "effect-tus/client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Inherited from "../../src/client/upload/Inherited.js"
import { endpoint } from "../loopback.js"
import { type Answer, answer, metadataAt, passing, type Script, storedAt, world } from "./world.js"

const bytes = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 31) % 251)

const file = (content: Uint8Array) =>
  UploadSource.fromRange({
    name: "file",
    length: content.length,
    modified: 0,
    read: (start, end) => Stream.make(content.slice(start, end))
  })

const base = { endpoint, source: file(bytes), createWithUpload: 0, chunkSize: 10_000, retry: Schedule.recurs(0) }

const closed = Effect.fail(new TusTransport.TransportError({ reason: "Closed", cause: "test" }))

const fails = (options: Partial<UploadOptions.UploadOptions> = {}) =>
  passing(Effect.flip(TusUpload.run({ ...base, ...options })))

/** Uploads to the end, and returns the events and the URL. */
const completes = (options: Partial<UploadOptions.UploadOptions> = {}) =>
  passing(Effect.gen(function*() {
    const events = [...(yield* Stream.runCollect(TusUpload.upload({ ...base, ...options })))]
    const last = events.at(-1)
    assert.strictEqual(last?.event, "Complete")
    const url = Option.getOrThrow(last?.url ?? Option.none())
    assert.isTrue(Buffer.from(bytes).equals(yield* storedAt(url)), "other bytes arrived")
    return { events, url }
  }))

const journaled = Effect.flatMap(UploadJournal.UploadJournal, ({ list }) => list)
const urls = Effect.map(journaled, (entries) => entries.map(({ url }) => url))

/** A server whose answers a test can replace at any time. */
const scripted = () => {
  const say: { script: Script } = { script: () => undefined }
  const { layer, requests } = world((...args) => say.script(...args))
  return {
    requests,
    layer: Layer.merge(layer, UploadJournal.layerMemory),
    say: (script: Script) => Effect.sync(() => void (say.script = script)),
    sentSince: (from: number) => requests.slice(from).reduce((sum, { length = 0 }) => sum + length, 0),
    methodsSince: (from: number) => requests.slice(from).map(({ method }) => method).join(" ")
  }
}

/** Lets `count` PATCHes through, and then answers with a status. */
const after = (patches: number, what: () => Answer): Script => {
  let left = patches
  return (request) => request.method === "PATCH" && left-- <= 0 ? what() : undefined
}

const to = (method: string, what: Answer, at?: string): Script => (request) =>
  request.method === method && (at === undefined || request.url === at) ? what : undefined

const asked = { method: "HEAD", url: "http://a/1", offset: Option.none<number>(), attempts: 1 }
const refused = (status: number) =>
  new TusError.Refused({ ...asked, status, text: "", retryAfter: undefined, location: undefined })
const misbehaved = (reason: TusError.Misbehaved["reason"]) =>
  new TusError.Misbehaved({ ...asked, reason, status: 200, text: "", expected: "", actual: "" })
const unanswered = (reason: TusError.Unanswered["reason"]) =>
  new TusError.Unanswered({ ...asked, reason, cause: "test" })

describe("an upload of another session", () => {
  it("is left if the server refuses it, but not for a temporary failure or one that a new upload would have, too", () => {
    const statuses = [301, 400, 401, 403, 405, 406, 409, 412, 422, 451]
    deepStrictEqual(statuses.filter((status) => !Inherited.isAbandoned(refused(status), false)), [])
    const others = [408, 413, 423, 425, 429, 460, 500, 502, 503, 504]
    deepStrictEqual(others.filter((status) => Inherited.isAbandoned(refused(status), false)), [])
    deepStrictEqual(
      (["NotTus", "OffsetBeyond", "OffsetBehind", "NoProgress"] as const).map((reason) =>
        Inherited.isAbandoned(misbehaved(reason), false)
      ),
      [true, true, true, false]
    )
    for (const reason of ["Unreachable", "Closed", "Tls", "NotHttp", "Stalled"] as const) {
      deepStrictEqual([true, false].map((crossOrigin) => Inherited.isAbandoned(unanswered(reason), crossOrigin)), [
        true,
        false
      ])
    }
    assert.isFalse(
      Inherited.isAbandoned(new UploadSource.SourceError({ reason: "Missing", source: "a", detail: "gone" }), true)
    )
  })

  for (const status of [401, 403, 405, 422]) {
    it.effect(`makes room for a new upload if the server answers ${status}, and stays in the journal until the new one is complete`, () => {
      const { layer, say } = scripted()
      return Effect.gen(function*() {
        yield* say(after(4, () => closed))
        yield* fails()
        const [old = ""] = yield* urls
        const bars = to("HEAD", answer(status), old)
        const breaks = after(2, () => closed)
        yield* say((...args) => bars(...args) ?? breaks(...args))
        yield* fails()
        assert.lengthOf(yield* urls, 2)
        assert.include(yield* urls, old)
        yield* say(to("HEAD", answer(status), old))
        const { events, url } = yield* completes()
        assert.notStrictEqual(url, old)
        deepStrictEqual(yield* urls, [])
        assert.notInclude(events.map(({ event }) => event), "Created")
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("is resumed when the server no longer refuses it, and preferred to a new upload with fewer bytes", () => {
    const { layer, requests, say, sentSince } = scripted()
    return Effect.gen(function*() {
      yield* say(after(6, () => closed))
      yield* fails()
      const [old = ""] = yield* urls
      yield* say((request) => request.method === "PATCH" || request.url === old ? answer(403) : undefined)
      yield* fails()
      yield* say(() => undefined)
      const before = requests.length
      const { url } = yield* completes()
      assert.strictEqual(url, old)
      assert.strictEqual(sentSince(before), bytes.length - 60_000)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is left if HEAD works but no bytes are accepted", () => {
    const { layer, say } = scripted()
    return Effect.gen(function*() {
      yield* say(after(4, () => closed))
      yield* fails()
      const [old = ""] = yield* urls
      yield* say(to("PATCH", answer(403), old))
      const { events, url } = yield* completes()
      assert.notStrictEqual(url, old)
      const begun = events.map(({ event }) => event).filter((event) => !["Sent", "Acknowledged"].includes(event))
      deepStrictEqual(begun, ["Resumed", "Recreated", "Created", "Complete"])
      const why = events.find(({ event }) => event === "Recreated")?.problem ?? Option.none()
      assert.isTrue(Option.exists(why, (error) => error._tag === "Refused" && error.status === 403))
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not left after it has accepted bytes in this session", () => {
    const { layer, say } = scripted()
    return Effect.gen(function*() {
      yield* say(after(2, () => closed))
      yield* fails()
      const [old = ""] = yield* urls
      yield* say(after(2, () => answer(403)))
      const error = yield* fails()
      assert.strictEqual(error._tag === "Refused" && error.status, 403)
      deepStrictEqual(yield* urls, [old])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is forgotten only when the new upload exists, if the server says that it is gone", () => {
    const { layer, say } = scripted()
    return Effect.gen(function*() {
      yield* say(after(4, () => closed))
      yield* fails()
      const [old = ""] = yield* urls
      // A proxy answers this for all URLs while the server behind it is replaced.
      yield* say(() => answer(404))
      const error = yield* fails()
      assert.strictEqual(error._tag === "Refused" && error.method, "POST")
      deepStrictEqual(yield* urls, [old])
      yield* say(() => undefined)
      assert.strictEqual((yield* completes()).url, old)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is forgotten at once when the new upload exists", () => {
    const { layer, say } = scripted()
    return Effect.gen(function*() {
      yield* say(after(4, () => closed))
      yield* fails()
      const [old = ""] = yield* urls
      const dead = to("HEAD", answer(404), old)
      const breaks = after(1, () => closed)
      yield* say((...args) => dead(...args) ?? breaks(...args))
      yield* fails()
      const left = yield* urls
      assert.lengthOf(left, 1)
      assert.notInclude(left, old)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is not left for a new one if the application gave its URL", () => {
    const { layer, say } = scripted()
    return Effect.gen(function*() {
      yield* say(after(4, () => closed))
      yield* fails()
      const [url = ""] = yield* urls
      yield* say(to("HEAD", answer(403)))
      const error = yield* fails({ url })
      assert.strictEqual(error._tag === "Refused" && error.status, 403)
    }).pipe(Effect.provide(layer))
  })
})

/** Failures of one of the parts. */
const troubles: Readonly<Record<string, () => Answer>> = {
  "401": () => answer(401),
  "403": () => answer(403),
  "404 of a proxy": () => answer(404),
  "405": () => answer(405),
  "413": () => answer(413),
  "500": () => answer(500),
  "a page": () => answer(200, { "content-type": "text/html" }, "<p>sign in</p>"),
  "another certificate": () => Effect.fail(new TusTransport.TransportError({ reason: "Tls", cause: "test" })),
  "a broken connection": () => closed,
  "a file that is away": () =>
    Effect.fail(new UploadSource.SourceError({ reason: "Missing", source: "file", detail: "there is no such file" })),
  "a file that was written to": () =>
    Effect.fail(new UploadSource.SourceError({ reason: "Changed", source: "file", detail: "it was written to" }))
}

describe("the parts of an upload that failed", () => {
  for (const [name, trouble] of Object.entries(troubles)) {
    it.effect(`stay in the journal for another session: ${name}`, () => {
      const { layer, methodsSince, requests, say, sentSince } = scripted()
      return Effect.gen(function*() {
        yield* say(after(4, trouble))
        yield* fails({ parallel: 4 })
        assert.notInclude(methodsSince(0), "DELETE")
        const left = (yield* journaled).reduce((sum, { acknowledged }) => sum + acknowledged, 0)
        // The part that is gone was created anew, and has no bytes yet.
        assert.strictEqual(left > 0, !name.startsWith("404"))
        yield* say(() => undefined)
        const before = requests.length
        yield* completes({ parallel: 4 })
        assert.isAtMost(sentSince(before), bytes.length - left)
        deepStrictEqual(yield* urls, [])
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("stay in the journal if they cannot be joined", () => {
    const { layer, methodsSince, requests, say, sentSince } = scripted()
    return Effect.gen(function*() {
      yield* say((request) => request.headers["upload-concat"]?.startsWith("final") === true ? answer(403) : undefined)
      yield* fails({ parallel: 4 })
      assert.notInclude(methodsSince(0), "DELETE")
      yield* say(() => undefined)
      const before = requests.length
      yield* completes({ parallel: 4 })
      assert.strictEqual(sentSince(before), 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("are removed from the server if no journal remembers them, because nobody could find them again", () => {
    const { layer, requests } = world(after(4, () => answer(403)))
    return Effect.gen(function*() {
      yield* fails({ parallel: 4 })
      assert.lengthOf(requests.filter(({ method }) => method === "DELETE"), 4)
    }).pipe(Effect.provide(layer))
  })
})

describe("the number of parts of an upload of another session", () => {
  /** With a client that has not met the server before. */
  const anew = Effect.provide(TusClient.layer())

  /** No byte is sent again, and the journal is empty afterwards. */
  const goesOn = Effect.fnUntraced(function*(
    { requests, sentSince }: ReturnType<typeof scripted>,
    parallel: UploadOptions.UploadOptions["parallel"]
  ) {
    const left = (yield* journaled).reduce((sum, { acknowledged }) => sum + acknowledged, 0)
    assert.isAbove(left, 0)
    const before = requests.length
    yield* completes({ parallel })
    assert.strictEqual(sentSince(before), bytes.length - left)
    deepStrictEqual(yield* urls, [])
  }, anew)

  const deaf = to("OPTIONS", answer(403))

  for (
    const [title, first, second] of [
      ["of none", undefined, undefined],
      ["of the first", deaf, undefined],
      ["of the second", undefined, deaf]
    ] as const
  ) {
    it.effect(`is kept for any option of this session, even if OPTIONS ${title} session was refused`, () => {
      const server = scripted()
      return Effect.gen(function*() {
        for (const [begun, asked] of [[1, 3], [3, 3], [3, 1], [3, 4], [4, "auto"]] as const) {
          const breaks = after(4, () => closed)
          yield* server.say((...args) => first?.(...args) ?? breaks(...args))
          yield* anew(fails({ parallel: begun }))
          yield* server.say((...args) => second?.(...args))
          yield* goesOn(server, asked)
        }
      }).pipe(Effect.provide(server.layer))
    })
  }

  it.effect("is given up for a single upload if the server no longer joins parts", () => {
    const { layer, requests, say } = scripted()
    return Effect.gen(function*() {
      yield* say(after(4, () => closed))
      yield* fails({ parallel: 3 })
      const before = requests.length
      yield* say(to("OPTIONS", answer(204, { "tus-version": "1.0.0", "tus-extension": "creation" })))
      yield* anew(completes({ parallel: 3 }))
      assert.isTrue(requests.slice(before).every(({ headers }) => headers["upload-concat"] === undefined))
    }).pipe(Effect.provide(layer))
  })
})

describe("an upload with terminateOnInterrupt", () => {
  it.effect("stays if it is complete and its listener stops then", () => {
    const { layer, methods } = world()
    return Effect.gen(function*() {
      const journal = yield* UploadJournal.UploadJournal
      const slow = {
        ...journal,
        remove: (entry: UploadJournal.JournalEntry) => Effect.delay(journal.remove(entry), "1 second")
      }
      yield* TusUpload.upload({ ...base, terminateOnInterrupt: true }).pipe(
        Stream.takeUntil(({ event }) => event === "Complete"),
        Stream.runDrain,
        Effect.provideService(UploadJournal.UploadJournal, slow),
        passing
      )
      assert.notInclude(methods(), "DELETE")
    }).pipe(Effect.provide(Layer.merge(layer, UploadJournal.layerMemory)))
  })
})

describe("the creation data of an upload", () => {
  const metadata = { project: "apollo", filename: "a.bin" }
  const header = "project YXBvbGxv,filename YS5iaW4="

  for (const parallel of [1, 3]) {
    it.effect(`are stored in the journal and used again for a new creation, ${parallel} at once`, () => {
      const { layer, say } = scripted()
      return Effect.gen(function*() {
        yield* say(after(4, () => closed))
        yield* fails({ parallel, metadata, checksum: "sha1" })
        const entries = yield* journaled
        assert.isAtLeast(entries.length, 1)
        for (const { creation } of entries) {
          deepStrictEqual(
            creation,
            Option.some({ metadata: Option.some(header), checksum: Option.some("sha1" as const), parts: parallel })
          )
        }
        // The next session has no metadata, and the server does not return any.
        yield* say((request, exchange) =>
          request.method === "HEAD" && entries.some(({ url }) => url === request.url)
            ? answer(404)
            : void exchange
        )
        const { url } = yield* completes({ parallel })
        deepStrictEqual(yield* metadataAt(url), Option.some(header))
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("are those of this session if it has any", () => {
    const { layer, say } = scripted()
    return Effect.gen(function*() {
      for (const [said, expected] of [[{}, Option.none()], [{ a: "b" }, Option.some("a Yg==")]] as const) {
        yield* say(after(4, () => closed))
        yield* fails({ metadata })
        const left = yield* urls
        yield* say((request) => request.method === "HEAD" && left.includes(request.url) ? answer(404) : undefined)
        deepStrictEqual(yield* metadataAt((yield* completes({ metadata: said })).url), expected)
      }
    }).pipe(Effect.provide(layer))
  })

  it.effect("never contain a header of the application, and so no token", () => {
    const { layer } = world(after(2, () => closed), {
      client: { headers: () => Effect.succeed({ authorization: "Bearer s3cret", "x-api-key": "s3cret" }) }
    })
    return Effect.gen(function*() {
      yield* fails({ metadata })
      const entries = yield* journaled
      assert.lengthOf(entries, 1)
      assert.notInclude(
        JSON.stringify(entries.map((entry) => Schema.encodeSync(UploadJournal.JournalEntry)(entry))),
        "s3cret"
      )
    }).pipe(Effect.provide(Layer.merge(layer, UploadJournal.layerMemory)))
  })

  it("are absent from entries of an earlier release, which can still be read", () => {
    const old = {
      endpoint: "http://a/files",
      fingerprint: "tus-1:aa",
      url: "http://a/files/1",
      source: "/one.bin",
      length: 2000,
      start: 0,
      acknowledged: 500,
      prefix: null,
      expires: null,
      updated: "2026-01-01T00:00:00.000Z"
    }
    const entry = Schema.decodeSync(UploadJournal.JournalEntry)(old)
    deepStrictEqual(entry.creation, Option.none())
    assert.strictEqual(JSON.stringify(Schema.encodeSync(UploadJournal.JournalEntry)(entry)), JSON.stringify(old))
  })
})
