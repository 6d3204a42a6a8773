import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Upload } from "effect-tus"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as Fs from "node:fs"
import { vi } from "vitest"
import * as FileNames from "../../src/node/files/FileNames.js"
import { numbered } from "../../src/testing/Fixtures.js"
import { directory } from "../support/directory.js"
import { open } from "./temporary.js"

/** Simulates a case-insensitive, case-preserving file system below the directories of these tests. */
let folds = false

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof Fs>()
  const found = (value: unknown) => {
    const [, top, rest = ""] = folds && typeof value === "string" ? /^(.*effect-tus-[^/]*)(.*)$/s.exec(value) ?? [] : []
    return top === undefined ? value : rest.split("/").filter((name) => name !== "").reduce((path, name) => {
      const names = fs.existsSync(path) ? fs.readdirSync(path) : []
      return `${path}/${names.find((other) => other.toLowerCase() === name.toLowerCase()) ?? name}`
    }, top)
  }
  const calls = ["open", "stat", "mkdir", "unlink", "rename", "readdir", "access", "copyFile"] as const
  return {
    ...fs,
    ...Object.fromEntries(calls.map((name) => [
      name,
      (...all: Array<unknown>) => (fs[name] as (...all: Array<unknown>) => void)(...all.map(found))
    ]))
  }
})

const folding = Effect.acquireRelease(
  Effect.sync(() => {
    folds = true
  }),
  () =>
    Effect.sync(() => {
      folds = false
    })
)

const id = Schema.decodeSync(Upload.UploadId)
const small = id("aaaaaaaaaaaaaaaaaaaaaaab")
const mixed = id("AAaaaaaaaaaaaaaaaaaaaaab")
const last = id("aaaaaaaaaaaaaaaaaaaaaaaB")
const large = id("AAAAAAAAAAAAAAAAAAAAAAAB")
const ids = [small, mixed, last, large]

const anyId = FastCheck.stringMatching(/^[A-Za-z0-9_-]{22,128}$/).map((text) => id(text))

describe("file names", () => {
  it("are different for different ids, in lower case, and can be converted back", () => {
    FastCheck.assert(FastCheck.property(anyId, anyId, (one, other) => {
      const [shard, name] = FileNames.folded.of(one)
      assert.strictEqual(`${shard}/${name}`, `${shard}/${name}`.toLowerCase())
      assert.isBelow(`${name}.concat`.length, 256)
      deepStrictEqual(FileNames.folded.idOf(shard, name), Option.some(one))
      deepStrictEqual(FileNames.folded.idOf(shard, `${name}.concat`), Option.none())
      assert.strictEqual(FileNames.folded.of(other).join("/") === `${shard}/${name}`, one === other)
    }))
  })

  it("equal the id if it has no capitals", () => {
    FastCheck.assert(FastCheck.property(anyId.map((text) => id(text.toLowerCase())), (one) => {
      deepStrictEqual(FileNames.folded.of(one), FileNames.plain.of(one))
    }))
  })
})

describe("a case-insensitive file system", () => {
  it.scoped("keeps uploads apart whose ids differ only in case", () =>
    Effect.gen(function*() {
      yield* folding
      const store = yield* open()
      yield* Effect.forEach(ids, (one, i) => store.put(one, 0, numbered(10 + i)))
      yield* store.concat(small, [{ id: mixed, length: 5 }, { id: last, length: 5 }])
      deepStrictEqual(
        yield* Effect.forEach(ids, (one) => Effect.map(store.size(one), Option.getOrNull)),
        [10, 11, 12, 13]
      )
      deepStrictEqual(Array.from(yield* Stream.runCollect(store.ids)).toSorted(), ids.toSorted())
      yield* store.remove(large)
      deepStrictEqual(yield* store.size(large), Option.none())
      deepStrictEqual(yield* store.size(last), Option.some(12))
    }))

  it.scoped("finds files that were stored under plain ids, and lists each once", () =>
    Effect.gen(function*() {
      const place = yield* directory
      const before = yield* open(place)
      yield* Effect.forEach([small, mixed], (one, i) => before.put(one, 0, numbered(10 + i)))
      assert.include(before.pathOf(mixed), `/${mixed}`)
      yield* folding
      const after = yield* open(place)
      deepStrictEqual(after.pathOf(small), before.pathOf(small))
      assert.notInclude(after.pathOf(mixed), mixed)
      yield* after.put(mixed, 11, numbered(1, 11))
      deepStrictEqual(after.fileOf(mixed), numbered(12))
      deepStrictEqual(after.fileOf(small), numbered(10))
      deepStrictEqual(Array.from(yield* Stream.runCollect(after.ids)).toSorted(), [mixed, small].toSorted())
      deepStrictEqual((yield* open(place)).fileOf(mixed), numbered(12))
    }))
})
