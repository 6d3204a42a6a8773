import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusUpload, UploadJournal, UploadSource } from "effect-tus/client"
import { NodeHashFunctions } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as JournaledUpload from "../../src/client/upload/JournaledUpload.js"
import { endpoint } from "../loopback.js"
import { passing, storedAt, world } from "./world.js"

const bytes = Uint8Array.from({ length: 100 }, (_, i) => i)

/** The key of a source that has the fingerprint `one`. */
const keyIn = (journal: UploadJournal.Journal, entries: ReadonlyArray<UploadJournal.JournalEntry> = []) => ({
  journal,
  fingerprint: Effect.succeed(Option.some("one")),
  start: 0,
  entries
})

const creation: UploadJournal.Creation = { metadata: Option.none(), checksum: Option.none(), parts: 1 }

/** Notes a checkpoint after sending as many bytes as the server has acknowledged. */
const notes = (remembered: JournaledUpload.JournaledUpload) => (offset: number) => {
  remembered.observe(0, bytes.subarray(0, offset))
  return remembered.note({ url: "http://a/1", acknowledged: offset, expires: Option.none() })
}

/** The entries of a journal, whose writes take a tenth of a second, after a session that ended during a write. */
const after = Effect.fnUntraced(function*(
  wrap: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>,
  end: (remembered: JournaledUpload.JournaledUpload) => Effect.Effect<void, UploadSource.SourceError>
) {
  const journal = yield* UploadJournal.UploadJournal
  yield* Effect.gen(function*() {
    const key = keyIn(yield* UploadJournal.UploadJournal)
    const remembered = yield* JournaledUpload.make("http://a", UploadSource.fromBytes(bytes), key, creation)
    yield* notes(remembered)(0)
    yield* notes(remembered)(10)
    // The first write has ended, and the one after a second is half done.
    yield* Effect.sleep("950 millis")
    yield* end(remembered)
    yield* remembered.close
  }).pipe(
    Effect.provideService(UploadJournal.UploadJournal, {
      ...journal,
      put: (entry) => wrap(Effect.zipRight(Effect.sleep("100 millis"), journal.put(entry)))
    }),
    Effect.zipRight(Effect.sleep("10 seconds")),
    passing
  )
  return (yield* journal.list).map(({ acknowledged, prefix }) => [
    acknowledged,
    ...Option.toArray(prefix).map(({ length }) => length)
  ])
}, Effect.provide([UploadJournal.layerMemory, NodeHashFunctions.layer]))

const beginAnew = (remembered: JournaledUpload.JournaledUpload) =>
  Effect.zipRight(remembered.forget, notes(remembered)(10))

describe("a journaled upload", () => {
  for (
    const [where, digests, trusted] of [["can", NodeHashFunctions.layer, false], ["cannot", Layer.empty, true]] as const
  ) {
    it.effect(`is ${trusted ? "" : "not "}trusted without a digest of its bytes, if digests ${where} be made`, () =>
      Effect.gen(function*() {
        const journal = yield* UploadJournal.UploadJournal
        const source = UploadSource.fromBytes(bytes)
        const remembered = yield* JournaledUpload.make("http://a", source, keyIn(journal), creation)
        // An upload that continues by its URL has not observed its first bytes.
        remembered.observe(50, bytes.subarray(50))
        yield* remembered.note({ url: "http://a/1", acknowledged: 50, expires: Option.none() })
        yield* remembered.close
        const key = keyIn(journal, yield* journal.list)
        const next = yield* JournaledUpload.make("http://a", source, key, creation)
        const [entry] = next.candidates
        assert.isDefined(entry)
        deepStrictEqual(entry && (yield* next.verify(entry, 0)), true)
        deepStrictEqual(entry && (yield* next.verify(entry, 50)), trusted)
      }).pipe(Effect.provide([UploadJournal.layerMemory, digests])))
  }

  for (
    const [name, wrap] of [["can", identity], ["cannot", Effect.uninterruptible]] as const
  ) {
    it.effect(`stores its last note although the session ends during a write, which ${name} be interrupted`, () =>
      Effect.gen(function*() {
        deepStrictEqual(yield* after(wrap, () => Effect.void), [[10, 10]])
        deepStrictEqual(yield* after(wrap, (remembered) => notes(remembered)(20)), [[20, 20]])
      }))

    it.effect(`is removed from the journal when it is complete, also during a write, which ${name} be interrupted`, () =>
      Effect.gen(function*() {
        deepStrictEqual(yield* after(wrap, (remembered) => remembered.forget), [])
      }))

    it.effect(`is stored again when it is created anew, also during a write, which ${name} be interrupted`, () =>
      Effect.gen(function*() {
        deepStrictEqual(yield* after(wrap, beginAnew), [[10, 10]])
      }))
  }
})

/** A source with a name, and how often it was read. */
const named = () => {
  const source = UploadSource.fromBytes(bytes, { name: "small" })
  let readings = 0
  return {
    readings: () => readings,
    source: {
      ...source,
      read: (offset, size) => {
        readings++
        return source.read(offset, size)
      },
      bytes: (offset, size) => {
        readings++
        return Effect.succeed(bytes.subarray(offset, offset + size))
      }
    } satisfies UploadSource.UploadSource
  }
}

describe("what one request finishes", () => {
  /** How often the journal was asked or told something. */
  const counting = Effect.map(UploadJournal.UploadJournal, (journal) => {
    const calls = { list: 0, find: 0, put: 0, remove: 0 }
    const counted = <A>(name: keyof typeof calls, effect: Effect.Effect<A>) =>
      Effect.suspend(() => {
        calls[name]++
        return effect
      })
    return {
      calls,
      journal: {
        list: counted("list", journal.list),
        find: (endpoint, fingerprint) => counted("find", journal.find(endpoint, fingerprint)),
        put: (entry) => counted("put", journal.put(entry)),
        remove: (entry) => counted("remove", journal.remove(entry))
      } satisfies UploadJournal.Journal
    }
  })

  it.effect("is read once and never in the journal, which is asked whether there is something of it", () => {
    const { layer, methods } = world()
    return Effect.gen(function*() {
      const { readings, source } = named()
      const { calls, journal } = yield* counting
      const { complete } = yield* Effect.provideService(
        TusUpload.run({ endpoint, source }),
        UploadJournal.UploadJournal,
        journal
      )
      assert.isTrue(complete)
      assert.strictEqual(methods(), "OPTIONS POST")
      assert.strictEqual(readings(), 1)
      deepStrictEqual(calls, { list: 1, find: 0, put: 0, remove: 0 })
    }).pipe(Effect.provide([layer, UploadJournal.layerMemory, NodeHashFunctions.layer]))
  })

  it.effect("is in the journal from its second request on, if the first one was not enough", () => {
    // The server has taken none of the bytes that came along.
    const { layer, methods } = world((request, exchange, nth) =>
      request.method === "POST"
        ? Effect.map(exchange({ ...request, body: undefined }), (response) => ({
          ...response,
          headers: { ...response.headers, "upload-offset": "0" }
        }))
        : request.method === "PATCH" && nth === 1
        ? Effect.never
        : undefined
    )
    return Effect.gen(function*() {
      const journal = yield* UploadJournal.UploadJournal
      const first = yield* Effect.fork(TusUpload.run({ endpoint, source: named().source }))
      while (!methods().includes("PATCH")) {
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      }
      const [entry] = yield* journal.list
      yield* Fiber.interrupt(first)
      const { url } = yield* TusUpload.run({ endpoint, source: named().source })
      assert.strictEqual(entry?.url, url)
      assert.strictEqual(methods(), "OPTIONS POST PATCH HEAD PATCH")
      assert.isTrue(Buffer.from(bytes).equals(yield* storedAt(url)))
      deepStrictEqual(yield* journal.list, [])
    }).pipe(Effect.provide([layer, UploadJournal.layerMemory, NodeHashFunctions.layer]))
  })
})
