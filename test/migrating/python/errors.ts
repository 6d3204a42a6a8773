/**
 * The rows about its errors, and about what it remembers of uploads.
 */
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusUpload, UploadJournal, UploadSource } from "effect-tus/client"
import { FileSource } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { directory } from "../../support/directory.js"
import type { Proofs } from "../tables.js"
import { answering, chunked, failing, file, journal, run, serve, source } from "./setting.js"

export const errorsRows = {
  TusCommunicationError: Effect.gen(function*() {
    const endpoints = [
      (yield* answering("POST", { status: 403 })).url,
      (yield* answering("POST", { status: 200 })).url,
      "http://127.0.0.1:1",
      (yield* serve({ maxSize: 7 })).url,
      "none"
    ]
    const tags = yield* Effect.forEach(endpoints, (endpoint) =>
      Effect.gen(function*() {
        return (yield* failing({ endpoint, source: yield* source, retry: Schedule.stop }))._tag
      }))
    deepStrictEqual(tags, ["Refused", "Misbehaved", "Unanswered", "TooLarge", "InvalidOption"])
  }),
  "message, status_code, response_content": Effect.gen(function*() {
    const { url: endpoint } = yield* answering("POST", { status: 403, text: "not today" })
    const error = yield* failing({ endpoint, source: yield* source })
    assert.isTrue(error._tag === "Refused" && error.status === 403 && error.text === "not today")
    assert.match(error.message, /^POST http:.+ was answered 403: not today$/)
  }),
  TusUploadFailed: Effect.gen(function*() {
    const { url: endpoint } = yield* answering("PATCH", { status: 500 }, (nth) => nth > 1)
    const error = yield* failing({ endpoint, source: yield* source, ...chunked, retry: Schedule.recurs(2) })
    assert.strictEqual(error._tag === "Refused" && error.attempts, 3)
    deepStrictEqual(error._tag === "Refused" && error.offset, Option.some(100_000))
  }),
  ValueError: Effect.gen(function*() {
    const options = { endpoint: "http://127.0.0.1:1", source: yield* source }
    for (const wrong of [{ chunkSize: 0 }, { endpoint: "none" }, { metadata: { "a b": "" } }]) {
      assert.strictEqual((yield* failing({ ...options, ...wrong }))._tag, "InvalidOption")
    }
  }),
  FileNotFoundError: Effect.gen(function*() {
    const error = yield* Effect.flip(FileSource.make(join(yield* directory, "none")))
    deepStrictEqual([error._tag, error.reason], ["SourceError", "Missing"])
  }),
  "OSError: unexpected end of file": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const path = yield* file()
    const source = yield* FileSource.make(path)
    truncateSync(path, 100_000)
    const error = yield* failing({ endpoint, source })
    assert.strictEqual(error._tag === "SourceError" && error.reason, "TooShort")
  }),
  "Fingerprint, get_fingerprint": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const chunkSize = 64 * 1024
    let read = 0
    const large = { name: "large", length: 100_000_000, modified: 1 }
    const begin = (changed: Partial<typeof large>) =>
      Effect.gen(function*() {
        const found = new Set<string>()
        const spy = {
          ...UploadJournal.none,
          put: ({ fingerprint }: UploadJournal.JournalEntry) => Effect.sync(() => found.add(fingerprint))
        }
        const source = UploadSource.fromRange({
          ...large,
          ...changed,
          read: (start, end) => {
            read += end - start
            return Stream.make(new Uint8Array(end - start))
          }
        })
        yield* Effect.provide(
          run({ endpoint, source, chunkSize, stopAt: chunkSize }),
          Layer.succeed(UploadJournal.UploadJournal, spy)
        )
        return Array.from(found)
      })
    const [first, ...others] = yield* Effect.forEach(
      [{}, {}, { name: "other" }, { length: 99_999_999 }, { modified: 2 }],
      begin
    )
    deepStrictEqual(others[0], first)
    assert.strictEqual(new Set([first, ...others].flat()).size, 4)
    assert.strictEqual(read, 5 * (320 * 1024 + chunkSize))
  }),
  "URLStorage, get_url, set_url, remove_url": Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const calls: Array<string> = []
    const kept = new Map<string, UploadJournal.JournalEntry>()
    const own = Layer.succeed(UploadJournal.UploadJournal, {
      find: (endpoint) => Effect.sync(() => (calls.push(`find ${endpoint}`), Array.from(kept.values()))),
      put: (entry) => Effect.sync(() => (calls.push(`put ${entry.url}`), kept.set(entry.url, entry))),
      remove: ({ url }) => Effect.sync(() => (calls.push(`remove ${url}`), kept.delete(url))),
      list: Effect.sync(() => Array.from(kept.values()))
    })
    const options = { endpoint, source: yield* source, ...chunked }
    const first = yield* Effect.provide(run({ ...options, stopAt: 100_000 }), own)
    deepStrictEqual(Array.from(new Set(calls)), [`put ${first.url}`])
    calls.length = 0
    const { url } = yield* Effect.provide(run(options), own)
    assert.strictEqual(url, first.url)
    deepStrictEqual(Array.from(new Set(calls)), [`find ${endpoint}`, `put ${url}`, `remove ${url}`])
  }),
  FileURLStorage: Effect.gen(function*() {
    const { url: endpoint } = yield* serve()
    const { entries, layer, path } = yield* journal
    const begin = Effect.gen(function*() {
      const options = { endpoint, source: yield* source }
      return { options, ...(yield* Effect.provide(run({ ...options, stopAt: 100_000 }), layer)) }
    })
    const first = yield* begin
    const [one = ""] = entries()
    const second = yield* begin
    assert.strictEqual(entries().length, 2)
    deepStrictEqual(entries().map((name) => statSync(join(path, name)).mode & 0o777), [0o600, 0o600])
    writeFileSync(join(path, one), "{")
    const left = ({ options }: typeof first) =>
      Effect.map(Effect.provide(TusUpload.findPrevious(options), layer), (left) => left.map(({ url }) => url))
    deepStrictEqual([yield* left(first), yield* left(second)], [[], [second.url]])
  })
} satisfies Proofs
