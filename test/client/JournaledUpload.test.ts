import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { UploadJournal, UploadSource } from "effect-tus/client"
import { NodeHashFunctions } from "effect-tus/node"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as JournaledUpload from "../../src/client/upload/JournaledUpload.js"
import { passing } from "./world.js"

const bytes = Uint8Array.from({ length: 100 }, (_, i) => i)
const key: JournaledUpload.Key = { fingerprint: Option.some("one"), start: 0 }

const creation: UploadJournal.Creation = { metadata: Option.none(), checksum: Option.none(), parts: 1 }

/** Notes a checkpoint after sending as many bytes as the server has acknowledged. */
const notes = (remembered: JournaledUpload.JournaledUpload) => (offset: number) => {
  remembered.observe(0, bytes.subarray(0, offset))
  return remembered.note({ url: "http://a/1", acknowledged: offset, expires: Option.none() })
}

/** The entries of a journal, whose writes take a tenth of a second, after a session that ended during a write. */
const after = Effect.fnUntraced(function*(
  wrap: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>,
  end: (remembered: JournaledUpload.JournaledUpload) => Effect.Effect<void>
) {
  const journal = yield* UploadJournal.UploadJournal
  yield* Effect.gen(function*() {
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
        const remembered = yield* JournaledUpload.make("http://a", UploadSource.fromBytes(bytes), key, creation)
        // An upload that continues by its URL has not observed its first bytes.
        remembered.observe(50, bytes.subarray(50))
        yield* remembered.note({ url: "http://a/1", acknowledged: 50, expires: Option.none() })
        yield* remembered.close
        const next = yield* JournaledUpload.make("http://a", UploadSource.fromBytes(bytes), key, creation)
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
