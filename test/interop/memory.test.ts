/**
 * How much the client's memory grows while it uploads much more than it may hold.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { open, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { child } from "../child.js"
import { directory } from "../support/directory.js"
import type { Told } from "./measuring.js"
import { fileOf, server, sha256OfFile } from "./server.js"

const mebibyte = 1024 * 1024

const large = Effect.flatMap(directory, (path) =>
  Effect.promise(async () => {
    const name = join(path, "large")
    const file = await open(name, "w")
    const bytes = randomBytes(64 * mebibyte)
    for (let i = 0; i < 16; i++) {
      bytes[0] = i
      await file.write(bytes)
    }
    await file.close()
    return name
  }))

const kinds = {
  "a file in one request": {},
  "a file in four parts at once": { parallel: 4 },
  "a stream that is read only once": { once: true }
} satisfies Record<string, Partial<Told>>

describe("the memory of the client", () => {
  it.scopedLive("grows by less than 64 MiB over 1 GiB", () =>
    Effect.gen(function*() {
      const { directory: stored, url: endpoint } = yield* server
      const file = yield* large
      const warmUp = join(yield* directory, "small")
      yield* Effect.promise(() => writeFile(warmUp, randomBytes(8 * mebibyte)))
      const expected = yield* Effect.promise(() => sha256OfFile(file))
      for (const [name, options] of Object.entries(kinds)) {
        const told: Told = { endpoint, file, warmUp, ...options }
        const { lines, stderr } = yield* Effect.flatMap(
          child("interop/measuring", told, ["--expose-gc"]),
          ({ ended }) => Effect.promise(() => ended)
        )
        const { growth, url } = lines[0] ?? assert.fail(stderr)
        console.log(name, `${Math.round(Number(growth) / mebibyte)} MiB`)
        assert.isBelow(Number(growth), 64 * mebibyte, name)
        assert.strictEqual(yield* Effect.promise(() => sha256OfFile(fileOf(stored, String(url)))), expected)
      }
    }), 120_000)
})
