import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import type * as Path from "@effect/platform/Path"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { assertNone, deepStrictEqual } from "@effect/vitest/utils"
import * as Arbitrary from "effect/Arbitrary"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { execFile } from "node:child_process"
import * as Fs from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as JournalFiles from "../../src/client/journal/JournalFiles.js"
import * as JournalStore from "../../src/client/journal/JournalStore.js"
import * as UploadJournal from "../../src/client/journal/UploadJournal.js"
import { directory } from "../support/directory.js"

const at = (millis: number) => DateTime.unsafeMake(millis)

const endpoint = "https://example.com/files"

const entryOf = (fields: Partial<ConstructorParameters<typeof UploadJournal.JournalEntry>[0]> = {}) =>
  new UploadJournal.JournalEntry({
    endpoint,
    fingerprint: "tus-1:aa",
    url: "https://example.com/files/one",
    source: "/home/one.bin",
    length: 10,
    start: 0,
    acknowledged: 4,
    prefix: Option.some({ algorithm: "sha256", length: 4, digest: Uint8Array.of(0, 255, 7) }),
    expires: Option.none(),
    updated: at(1000),
    ...fields
  })

/** Compares the fields of entries. What was read is a JournalEntry again. */
const same = (
  actual: ReadonlyArray<UploadJournal.JournalEntry>,
  expected: ReadonlyArray<UploadJournal.JournalEntry>
) => {
  deepStrictEqual(actual.map((entry) => ({ ...entry })), expected.map((entry) => ({ ...entry })))
  for (const entry of actual) {
    assert.instanceOf(entry, UploadJournal.JournalEntry)
  }
}

const byUrl = (entries: Iterable<UploadJournal.JournalEntry>) =>
  Array.from(entries).toSorted((one, other) => (one.url < other.url ? -1 : 1))

const layerNode = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)

const build = (layer: Layer.Layer<never, never, FileSystem.FileSystem | Path.Path>) =>
  Effect.map(
    Layer.build(Layer.provide(layer as Layer.Layer<UploadJournal.UploadJournal>, layerNode)),
    (context) => Context.get(context, UploadJournal.UploadJournal)
  )

const openAt = (directory: string) => build(UploadJournal.layerFileSystem(directory))

class FakeStorage implements Storage {
  readonly map = new Map<string, string>();
  [name: string]: unknown
  get length() {
    return this.map.size
  }
  key(index: number) {
    return Array.from(this.map.keys())[index] ?? null
  }
  getItem(key: string) {
    return this.map.get(key) ?? null
  }
  setItem(key: string, value: string) {
    this.map.set(key, value)
  }
  removeItem(key: string) {
    this.map.delete(key)
  }
  clear() {
    this.map.clear()
  }
}

/** Levels and texts of the log. */
const logging = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ cause, logLevel, message }) => {
      lines.push(`${logLevel.label} ${String(message)} ${JSON.stringify(cause)}`)
    })
    return Effect.map(
      Effect.provide(effect, Layer.merge(Logger.add(logger), Logger.minimumLogLevel(LogLevel.All))),
      (result) => ({ result, levels: lines.map((line) => line.split(" ")[0]), text: lines.join("\n") })
    )
  })

afterEach(() => {
  vi.unstubAllGlobals()
})

describe("no journal", () => {
  it.effect("stores nothing", () =>
    Effect.gen(function*() {
      const journal = yield* UploadJournal.UploadJournal
      yield* journal.put(entryOf())
      same(yield* journal.find(endpoint, "tus-1:aa"), [])
      same(yield* journal.list, [])
      yield* journal.remove(entryOf())
    }))
})

const journals = {
  "in memory": build(UploadJournal.layerMemory),
  "in a directory": Effect.flatMap(directory, (path) => openAt(join(path, "deep", "journal"))),
  "in localStorage": Effect.suspend(() => {
    const storage = new FakeStorage()
    storage.setItem("theme", "dark")
    vi.stubGlobal("localStorage", storage)
    return build(UploadJournal.layerLocalStorage)
  })
}

for (const [title, open] of Object.entries(journals)) {
  describe(`a journal ${title}`, () => {
    it.scoped("finds entries by exactly their endpoint and exactly their fingerprint", () =>
      Effect.gen(function*() {
        const journal = yield* open
        yield* journal.put(entryOf())
        same(yield* journal.find(endpoint, "tus-1:aa"), [entryOf()])
        same(yield* journal.find(endpoint, "tus-1:a"), [])
        same(yield* journal.find(endpoint, "tus-1:aa:0+5"), [])
        same(yield* journal.find(`${endpoint}/`, "tus-1:aa"), [])
        same(yield* journal.find("https://example.com", "tus-1:aa"), [])
        same(yield* journal.list, [entryOf()])
      }))

    it.scoped("is empty at first", () =>
      Effect.gen(function*() {
        const journal = yield* open
        same(yield* journal.list, [])
        yield* journal.remove(entryOf())
      }))

    it.scoped("has one entry per URL, the last", () =>
      Effect.gen(function*() {
        const journal = yield* open
        yield* journal.put(entryOf())
        const later = entryOf({ acknowledged: 8, prefix: Option.none(), updated: at(2000), fingerprint: "tus-1:bb" })
        yield* journal.put(later)
        same(yield* journal.list, [later])
      }))

    it.scoped("removes the entry of one URL, and no other", () =>
      Effect.gen(function*() {
        const journal = yield* open
        const other = entryOf({ url: "https://example.com/files/two" })
        yield* journal.put(entryOf())
        yield* journal.put(other)
        yield* journal.remove(entryOf({ acknowledged: 9 }))
        same(yield* journal.list, [other])
      }))

    it.scoped("returns the newest first", () =>
      Effect.gen(function*() {
        const journal = yield* open
        const entries = [2, 5, 1, 4, 3].map((n) =>
          entryOf({ url: `https://example.com/files/${n}`, updated: at(n * 1000) })
        )
        yield* Effect.forEach(entries, journal.put)
        deepStrictEqual((yield* journal.list).map(({ updated }) => updated.epochMillis), [5000, 4000, 3000, 2000, 1000])
        deepStrictEqual(
          (yield* journal.find(endpoint, "tus-1:aa")).map(({ updated }) => updated.epochMillis),
          [5000, 4000, 3000, 2000, 1000]
        )
      }))

    it.scoped("never returns an expired entry, and removes it", () =>
      Effect.gen(function*() {
        const journal = yield* open
        yield* journal.put(entryOf({ expires: Option.some(at(60_000)) }))
        yield* TestClock.setTime(59_999)
        assert.strictEqual((yield* journal.find(endpoint, "tus-1:aa")).length, 1)
        yield* TestClock.setTime(60_000)
        same(yield* journal.find(endpoint, "tus-1:aa"), [])
        yield* TestClock.setTime(0)
        same(yield* journal.list, [])
      }))

    it.scoped("removes an entry without an expiry after 90 days without progress", () =>
      Effect.gen(function*() {
        const journal = yield* open
        const day = 86_400_000
        yield* journal.put(entryOf({ expires: Option.none(), updated: at(day) }))
        yield* journal.put(
          entryOf({ url: "https://example.com/files/2", expires: Option.some(at(400 * day)), updated: at(day) })
        )
        yield* TestClock.setTime(91 * day - 1)
        assert.strictEqual((yield* journal.list).length, 2)
        yield* TestClock.setTime(91 * day)
        deepStrictEqual((yield* journal.list).map(({ url }) => url), ["https://example.com/files/2"])
      }))

    it.scoped("keeps URLs unchanged: long ones, with any characters, with a password", () =>
      Effect.gen(function*() {
        const journal = yield* open
        const urls = [
          `https://example.com/${"a".repeat(5000)}`,
          `https://example.com/${"a".repeat(4999)}b`,
          "https://example.com/ü/日本語/😀?a=../../b&c=\u0000",
          "https://user:secret@example.com/files/one",
          "https://example.com/files/ONE",
          "https://example.com/files/one",
          ".."
        ]
        const entries = urls.map((url, i) => entryOf({ url, updated: at(urls.length - i) }))
        yield* Effect.forEach(entries, journal.put)
        same(yield* journal.list, entries)
        yield* Effect.forEach(entries, journal.remove)
        same(yield* journal.list, [])
      }))
  })
}

describe("a journal in a store", () => {
  const open = Effect.map(JournalStore.memory, ({ keys, store }) => ({
    keys,
    store,
    journal: UploadJournal.make(store, keys)
  }))

  it.effect.prop(
    "any entry survives the round trip",
    [FastCheck.array(Arbitrary.make(UploadJournal.JournalEntry), { maxLength: 5 })],
    ([entries]) =>
      Effect.gen(function*() {
        const { journal } = yield* open
        const alive = entries.map((entry) =>
          new UploadJournal.JournalEntry({ ...entry, expires: Option.some(at(60_000)) })
        )
        yield* Effect.forEach(alive, journal.put)
        const last = new Map(alive.map((entry) => [entry.url, entry]))
        same(byUrl(yield* journal.list), byUrl(last.values()))
      })
  )

  it.effect("its keys are valid file names on every system", () =>
    Effect.gen(function*() {
      const { journal, keys } = yield* open
      yield* journal.put(entryOf())
      for (const key of yield* keys) {
        assert.match(key, /^effect-tus-[0-9a-f]{64}$/)
      }
      assert.strictEqual((yield* keys).length, 1)
    }))

  it.effect("works without Web Crypto", () =>
    Effect.gen(function*() {
      vi.stubGlobal("crypto", {})
      const { journal, keys } = yield* open
      const other = entryOf({ url: "https://example.com/files/two", updated: at(1) })
      yield* journal.put(entryOf())
      yield* journal.put(entryOf())
      yield* journal.put(other)
      same(yield* journal.list, [entryOf(), other])
      for (const key of yield* keys) {
        assert.match(key, /^effect-tus-[0-9a-f]+$/)
      }
    }))

  it.effect("entries have a version", () =>
    Effect.gen(function*() {
      const { journal, keys, store } = yield* open
      yield* journal.put(entryOf())
      const [key = ""] = yield* keys
      deepStrictEqual(JSON.parse(Option.getOrThrow(yield* store.get(key))), {
        version: 1,
        entry: {
          endpoint,
          fingerprint: "tus-1:aa",
          url: "https://example.com/files/one",
          source: "/home/one.bin",
          length: 10,
          start: 0,
          acknowledged: 4,
          prefix: { algorithm: "sha256", length: 4, digest: "AP8H" },
          expires: null,
          updated: "1970-01-01T00:00:01.000Z"
        }
      })
    }))

  it.effect("ignores entries that it cannot read, and removes those that are its own", () =>
    Effect.gen(function*() {
      const { journal, keys, store } = yield* open
      yield* journal.put(entryOf())
      const mine = yield* keys
      for (const [i, text] of ["", "{", "null", "{}", `{"version":1,"entry":{}}`, `{"version":0}`].entries()) {
        yield* store.set(`effect-tus-${i}`, text)
        yield* store.set(`other-${i}`, text)
      }
      const [key = ""] = mine
      const text = Option.getOrThrow(yield* store.get(key))
      yield* store.set("effect-tus-earlier", text.replace(`"version":1`, `"version":0`))
      const later = `{"version":2,"entries":[]}`
      yield* store.set("effect-tus-later", later)
      same(yield* journal.find(endpoint, "tus-1:aa"), [entryOf()])
      deepStrictEqual(
        (yield* keys).toSorted(),
        [...mine, "effect-tus-later", ...Array.from({ length: 6 }, (_, i) => `other-${i}`)].toSorted()
      )
      deepStrictEqual(yield* store.get("effect-tus-later"), Option.some(later))
    }))

  const refused = new SystemError({ reason: "PermissionDenied", module: "KeyValueStore", method: "any" })
  const failures: Record<string, () => Effect.Effect<never, SystemError>> = {
    "fails": () => refused,
    "dies": () => Effect.die(new DOMException("full", "QuotaExceededError")),
    "throws": () => {
      throw new DOMException("no", "SecurityError")
    }
  }
  for (const [title, fail] of Object.entries(failures)) {
    for (const method of ["get", "set", "remove"] as const) {
      it.effect(`never fails if ${method} ${title}, and warns once`, () =>
        Effect.gen(function*() {
          const { keys, store } = yield* open
          yield* store.set("effect-tus-broken", "{")
          const journal = UploadJournal.make({ ...store, [method]: fail }, keys)
          const { levels, text } = yield* logging(Effect.gen(function*() {
            for (let i = 0; i < 2; i++) {
              yield* journal.put(entryOf())
              yield* journal.find(endpoint, "tus-1:aa")
              yield* journal.list
              yield* journal.remove(entryOf())
            }
          }))
          assert.strictEqual(levels[0], "WARN")
          assert.isAbove(levels.length, 1)
          assert.isTrue(levels.slice(1).every((level) => level === "DEBUG"), levels.join())
          assert.notInclude(text, "example.com")
        }))
    }

    it.effect(`never fails if keys ${title}`, () =>
      Effect.gen(function*() {
        const { store } = yield* open
        const journal = UploadJournal.make(store, Effect.suspend(fail))
        const { levels, result } = yield* logging(Effect.zip(journal.find(endpoint, "tus-1:aa"), journal.list))
        deepStrictEqual(result, [[], []])
        deepStrictEqual(levels, ["WARN", "DEBUG"])
      }))
  }

  it.effect("returns all other entries if one cannot be read or removed", () =>
    Effect.gen(function*() {
      const { keys, store } = yield* open
      yield* store.set("effect-tus-unreadable", "{")
      yield* store.set("effect-tus-broken", "{")
      const journal = UploadJournal.make({
        ...store,
        get: (key) => (key === "effect-tus-unreadable" ? refused : store.get(key)),
        remove: () => refused
      }, keys)
      yield* journal.put(entryOf())
      const { result } = yield* logging(journal.list)
      same(result, [entryOf()])
    }))

  it.effect("can be interrupted", () =>
    Effect.gen(function*() {
      const { keys, store } = yield* open
      const journal = UploadJournal.make(KeyValueStore.make({ ...store, get: () => Effect.never }), keys)
      yield* journal.put(entryOf())
      const fiber = yield* Effect.fork(journal.list)
      yield* Effect.yieldNow()
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
    }))
})

describe("a journal in a directory", () => {
  it.scoped("creates the directory with the first write, readable by its owner only", () =>
    Effect.gen(function*() {
      const path = join(yield* directory, "a", "b")
      const journal = yield* openAt(path)
      const { levels, result } = yield* logging(Effect.zipLeft(journal.list, journal.remove(entryOf())))
      same(result, [])
      deepStrictEqual(levels, [])
      assert.isFalse(Fs.existsSync(join(path, "..")))
      yield* journal.put(entryOf())
      assert.strictEqual(Fs.statSync(path).mode & 0o777, 0o700)
      const [name = "", ...others] = Fs.readdirSync(path)
      assert.isEmpty(others)
      assert.strictEqual(Fs.statSync(join(path, name)).mode & 0o777, 0o600)
      Fs.rmSync(path, { recursive: true })
      yield* journal.put(entryOf())
      same(yield* journal.list, [entryOf()])
    }))

  it.scoped("stores nothing if the directory cannot be made, and uploads continue", () =>
    Effect.gen(function*() {
      const file = join(yield* directory, "file")
      Fs.writeFileSync(file, "")
      for (const path of [file, join(file, "journal"), "\u0000"]) {
        const journal = yield* openAt(path)
        const { levels, result } = yield* logging(Effect.gen(function*() {
          yield* journal.put(entryOf())
          yield* journal.remove(entryOf())
          return yield* journal.list
        }))
        same(result, [])
        assert.strictEqual(levels.filter((level) => level === "WARN").length, 1)
      }
    }))

  it.scoped("is shared by sessions", () =>
    Effect.gen(function*() {
      const path = yield* directory
      yield* Effect.scoped(Effect.flatMap(openAt(path), (journal) => journal.put(entryOf())))
      same(yield* Effect.flatMap(openAt(path), ({ list }) => list), [entryOf()])
    }))

  it.scoped("leaves no temporary file if a file cannot be moved into place", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const journal = yield* openAt(path)
      yield* journal.put(entryOf())
      const [name = ""] = Fs.readdirSync(path)
      Fs.rmSync(join(path, name))
      Fs.mkdirSync(join(path, name, "full"), { recursive: true })
      yield* logging(journal.put(entryOf()))
      deepStrictEqual(Fs.readdirSync(path), [name])
    }))

  it.scoped("removes temporary files of dead writers after a day, and nothing else", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const journal = yield* openAt(path)
      const names = [
        ".effect-tus-aa.0123456789abcdef.effect-tus",
        ".effect-tus-bb.0123456789abcdef.effect-tus",
        ".profile",
        "effect-tus.txt"
      ]
      const day = 24 * 60 * 60
      for (const name of names) {
        Fs.writeFileSync(join(path, name), "{")
        Fs.utimesSync(join(path, name), 1000, 1000)
      }
      Fs.utimesSync(join(path, names[1] ?? ""), 2000, 2000)
      yield* TestClock.setTime((1000 + day) * 1000)
      same(yield* journal.list, [])
      deepStrictEqual(Fs.readdirSync(path).toSorted(), names)
      deepStrictEqual(yield* (yield* JournalFiles.make(path)).keys, ["effect-tus.txt"])
      yield* TestClock.setTime((1000 + day) * 1000 + 1)
      same(yield* journal.list, [])
      deepStrictEqual(Fs.readdirSync(path).toSorted(), names.slice(1))
    }).pipe(Effect.provide(layerNode)))

  it.scoped("finishes a write that has begun, even if its caller is interrupted", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const fs = yield* FileSystem.FileSystem
      const begun = yield* Deferred.make<void>()
      const { keys, store } = yield* JournalFiles.make(path).pipe(
        Effect.provideService(FileSystem.FileSystem, {
          ...fs,
          writeFileString: (...args) =>
            Deferred.succeed(begun, undefined).pipe(
              Effect.zipRight(Effect.yieldNow()),
              Effect.zipRight(fs.writeFileString(...args))
            )
        })
      )
      const journal = UploadJournal.make(store, keys)
      const writing = yield* Effect.fork(journal.put(entryOf()))
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(writing)
      same(yield* journal.list, [entryOf()])
      assert.strictEqual(Fs.readdirSync(path).length, 1)
    }).pipe(Effect.provide(layerNode)))

  it.scoped("names its temporary files so that cleaning finds them, and makes them private, too", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const fs = yield* FileSystem.FileSystem
      const seen: Array<string> = []
      const rename = (from: string, to: string) =>
        Effect.suspend(() => {
          seen.push(...Fs.readdirSync(path))
          assert.strictEqual(Fs.statSync(from).mode & 0o777, 0o600)
          return fs.rename(from, to)
        })
      const { keys, store } = yield* JournalFiles.make(path).pipe(
        Effect.provideService(FileSystem.FileSystem, { ...fs, rename })
      )
      const journal = UploadJournal.make(store, keys)
      yield* journal.put(entryOf())
      yield* journal.put(entryOf())
      assert.strictEqual(seen.length, 3)
      const [one = "", ...others] = seen.filter((name) => name.startsWith("."))
      assert.match(one, /^\.effect-tus-[0-9a-f]{64}\.[0-9a-f]{16}\.effect-tus$/)
      assert.notStrictEqual(others.join(), one)
    }).pipe(Effect.provide(layerNode)))

  it.scopedLive("a reader sees whole entries only, whatever writers do", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const [reader, ...writers] = yield* Effect.all([openAt(path), openAt(path), openAt(path), openAt(path)])
      // Too long to be written at once.
      const source = "s".repeat(512 * 1024)
      yield* reader.put(entryOf({ source, updated: at(Date.now()) }))
      let writing = true
      const write = Effect.forEach(
        writers,
        (journal, i) =>
          Effect.forEach(
            Array.from({ length: 30 }),
            (_, n) => journal.put(entryOf({ source, acknowledged: i, updated: at(Date.now() + n) })),
            { discard: true }
          ),
        { concurrency: "unbounded" }
      ).pipe(Effect.ensuring(Effect.sync(() => {
        writing = false
      })))
      let reads = 0
      const read = Effect.whileLoop({
        while: () => writing,
        body: () => reader.list,
        step: (entries) => {
          reads++
          assert.strictEqual(entries.length, 1)
          assert.strictEqual(entries[0]?.source, source)
        }
      })
      yield* Effect.zip(write, read, { concurrent: true })
      assert.isAbove(reads, 3)
      assert.strictEqual(Fs.readdirSync(path).length, 1)
    }))

  it.scopedLive("concurrent processes lose no entry", () =>
    Effect.gen(function*() {
      const path = join(yield* directory, "journal")
      const module = new URL("../../dist/client/journal/UploadJournal.js", import.meta.url).href
      const program = (name: string) => `
        import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
        import * as NodePath from "@effect/platform-node/NodePath"
        import * as DateTime from "effect/DateTime"
        import * as Effect from "effect/Effect"
        import * as Layer from "effect/Layer"
        import * as Option from "effect/Option"
        import { JournalEntry, layerFileSystem, UploadJournal } from ${JSON.stringify(module)}
        const entry = (i) => new JournalEntry({
          endpoint: "e", fingerprint: "f", url: "https://example.com/${name}/" + i, source: "s", length: 1, start: 0,
          acknowledged: 0, prefix: Option.none(), expires: Option.none(), updated: DateTime.unsafeNow()
        })
        const layer = Layer.provide(layerFileSystem(${JSON.stringify(path)}), [NodeFileSystem.layer, NodePath.layer])
        await Effect.runPromise(Effect.provide(
          Effect.gen(function*() {
            const journal = yield* UploadJournal
            for (let i = 0; i < 100; i++) {
              yield* journal.put(entry(i))
              if (i % 10 === 0) yield* journal.list
              if (i % 4 === 3) yield* journal.remove(entry(i))
            }
          }),
          layer
        ))
      `
      const names = ["one", "two", "three"]
      yield* Effect.forEach(
        names,
        (name) =>
          Effect.promise(() =>
            promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program(name)], {
              cwd: fileURLToPath(new URL("../..", import.meta.url))
            })
          ),
        { concurrency: "unbounded" }
      )
      const found = yield* Effect.flatMap(openAt(path), ({ list }) => list)
      const expected = names.flatMap((name) =>
        Array.from({ length: 100 }, (_, i) => i).filter((i) => i % 4 !== 3)
          .map((i) => `https://example.com/${name}/${i}`)
      )
      deepStrictEqual(found.map(({ url }) => url).toSorted(), expected.toSorted())
      assert.strictEqual(Fs.readdirSync(path).length, expected.length)
    }))
})

describe("a journal in localStorage", () => {
  it.scoped("leaves other entries of the page alone", () =>
    Effect.gen(function*() {
      const storage = new FakeStorage()
      storage.setItem("tus::fingerprint", "{")
      vi.stubGlobal("localStorage", storage)
      const journal = yield* build(UploadJournal.layerLocalStorage)
      yield* journal.put(entryOf())
      same(yield* journal.list, [entryOf()])
      yield* journal.remove(entryOf())
      deepStrictEqual(Array.from(storage.map), [["tus::fingerprint", "{"]])
    }))

  it.scoped("stores nothing and logs nothing if there is none, and looks for it at each use", () =>
    Effect.gen(function*() {
      vi.stubGlobal("localStorage", undefined)
      const journal = yield* build(UploadJournal.layerLocalStorage)
      const { levels, result } = yield* logging(Effect.gen(function*() {
        yield* journal.put(entryOf())
        yield* journal.remove(entryOf())
        return yield* journal.list
      }))
      same(result, [])
      deepStrictEqual(levels, [])
      vi.stubGlobal("localStorage", new FakeStorage())
      yield* journal.put(entryOf())
      same(yield* journal.list, [entryOf()])
    }))

  it.scoped("never fails if it is full, and finds the entries in it", () =>
    Effect.gen(function*() {
      const storage = new FakeStorage()
      vi.stubGlobal("localStorage", storage)
      const journal = yield* build(UploadJournal.layerLocalStorage)
      yield* journal.put(entryOf())
      storage.setItem = () => {
        throw new DOMException("The quota has been exceeded.", "QuotaExceededError")
      }
      const { levels, result } = yield* logging(Effect.zipRight(
        journal.put(entryOf({ url: "https://example.com/files/two" })),
        journal.list
      ))
      same(result, [entryOf()])
      deepStrictEqual(levels, ["WARN"])
    }))

  it.scoped("never fails if access to it is denied", () =>
    Effect.gen(function*() {
      vi.stubGlobal("localStorage", undefined)
      Object.defineProperty(globalThis, "localStorage", {
        configurable: true,
        get: () => {
          throw new DOMException("denied", "SecurityError")
        }
      })
      const journal = yield* build(UploadJournal.layerLocalStorage)
      const { levels, result } = yield* logging(Effect.gen(function*() {
        yield* journal.put(entryOf())
        yield* journal.remove(entryOf())
        return yield* journal.list
      }))
      same(result, [])
      deepStrictEqual(levels, ["WARN", "DEBUG", "DEBUG"])
    }))
})

describe("the stores of journals", () => {
  const stores = {
    memory: JournalStore.memory,
    fileSystem: Effect.flatMap(directory, JournalFiles.make),
    localStorage: Effect.suspend(() => {
      vi.stubGlobal("localStorage", new FakeStorage())
      return JournalStore.localStorage
    })
  }
  for (const [title, open] of Object.entries(stores)) {
    it.scoped(`${title} is a KeyValueStore`, () =>
      Effect.gen(function*() {
        const { keys, store } = yield* open
        assertNone(yield* store.get("a"))
        yield* store.set("a", "1")
        yield* store.set("b", "2")
        yield* store.set("a", "3")
        deepStrictEqual(yield* store.get("a"), Option.some("3"))
        deepStrictEqual((yield* keys).toSorted(), ["a", "b"])
        assert.strictEqual(yield* store.size, 2)
        yield* store.remove("a")
        yield* store.remove("a")
        assertNone(yield* store.get("a"))
        yield* store.clear
        deepStrictEqual(yield* keys, [])
      }).pipe(Effect.provide(layerNode)))
  }
})
