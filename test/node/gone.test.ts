/**
 * Bytes that are removed behind the server's back: by a cleaner, an operator's rm, or a restored backup.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as TusMetrics from "../../src/server/operations/TusMetrics.js"
import { directory } from "../support/directory.js"
import { type Headers, locationOf } from "../support/exchange.js"
import { asking } from "../support/raw.js"
import { idOf } from "../support/uploads.js"

const swept = Effect.map(
  Metric.value(Metric.tagged(TusMetrics.sweepDuration, "sweep", "Orphans")),
  ({ count }) => count
)

/** The first orphan sweep is over, and the next one is a day later. */
const serving = Effect.gen(function*() {
  const place = yield* directory
  const before = yield* swept
  const server = yield* Layer.build(
    NodeTusServer.layer({ directory: place, port: 0, downloads: true, durability: "process" })
  )
  yield* Effect.repeat(swept, { until: (count) => count > before, schedule: Schedule.spaced("5 millis") })
  const { ask, ...rest } = asking(Context.get(server, NodeTusServer.NodeTusServer).port)
  return {
    place,
    fileOf: (path: string) => join(place, path.slice(-2), idOf(path)),
    get: (path: string, headers?: Headers) => ask("GET", path, headers),
    ...rest
  }
})

describe("an upload whose bytes are gone", () => {
  it.scopedLive.each([["removed", 0], ["cut", 2]] as const)(
    "is set back to the bytes that are left by the next request, and can then be completed: %s",
    ([how, left]) =>
      Effect.gen(function*() {
        const { create, fileOf, offsetOf, patch } = yield* serving
        const path = yield* create(6, {}, "abcd")
        const file = fileOf(path)
        if (how === "removed") {
          rmSync(file)
        } else {
          truncateSync(file, left)
        }
        const refused = yield* patch(path, 4, "ef")
        assert.strictEqual(refused.status, 409)
        assert.include(refused.text, `expected ${left}, where the upload stands, got 4`)
        assert.strictEqual(yield* offsetOf(path), left)
        assert.strictEqual((yield* patch(path, left, "abcdef".slice(left))).status, 204)
        assert.strictEqual(readFileSync(file, "utf8"), "abcdef")
      })
  )

  it.scopedLive("is unchanged if its whole directory is gone, and continues when that is back", () =>
    Effect.gen(function*() {
      const { create, fileOf, offsetOf, patch, place } = yield* serving
      const path = yield* create(6, {}, "abcd")
      const gone = [fileOf(path), join(place, "identity")].map((name) => [name, readFileSync(name)] as const)
      gone.forEach(([name]) => rmSync(name))
      assert.strictEqual((yield* patch(path, 4, "ef")).status, 500)
      assert.strictEqual(yield* offsetOf(path), 4)
      gone.forEach(([name, bytes]) => writeFileSync(name, bytes))
      assert.strictEqual((yield* patch(path, 4, "ef")).status, 204)
      assert.strictEqual(readFileSync(fileOf(path), "utf8"), "abcdef")
    }))

  it.scopedLive("is not joined to a final: the part has to be sent again, and then is joined", () =>
    Effect.gen(function*() {
      const { create, fileOf, offsetOf, patch, post } = yield* serving
      const parts = yield* Effect.forEach(["abc", "def"], (body) => create(3, { "upload-concat": "partial" }, body))
      rmSync(fileOf(parts[1] ?? ""))
      const final = { "upload-concat": `final;${parts.join(" ")}` }
      const refused = yield* post(final)
      assert.strictEqual(refused.status, 410)
      assert.include(refused.text, idOf(parts[1] ?? ""))
      deepStrictEqual(yield* Effect.forEach(parts, offsetOf), [3, 0])
      assert.strictEqual((yield* patch(parts[1] ?? "", 0, "def")).status, 204)
      assert.strictEqual(readFileSync(fileOf(locationOf(yield* post(final))), "utf8"), "abcdef")
    }))
})

describe("a download whose bytes are gone", () => {
  it.scopedLive("is an error with a sentence, without the head of a success", () =>
    Effect.gen(function*() {
      const { create, fileOf, get, offsetOf } = yield* serving
      const path = yield* create(6, {}, "abcdef")
      assert.strictEqual((yield* get(path)).text, "abcdef")
      truncateSync(fileOf(path), 5)
      const cut = yield* get(path)
      assert.strictEqual(cut.status, 500)
      assert.include(cut.text, "the server no longer has all that it has acknowledged of this upload")
      // The requested byte is missing, though others exist.
      assert.strictEqual((yield* get(path, { range: "bytes=5-5" })).status, 500)
      deepStrictEqual((yield* get(path, { range: "bytes=0-3" })).text, "abcd")
      rmSync(fileOf(path))
      assert.strictEqual((yield* get(path)).status, 500)
      // It is complete, and the operator may restore the file.
      assert.strictEqual(yield* offsetOf(path), 6)
      assert.isFalse(existsSync(fileOf(path)))
    }))
})
