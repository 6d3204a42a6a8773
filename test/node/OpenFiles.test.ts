import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { UploadStoreError } from "effect-tus"
import * as Effect from "effect/Effect"
import { readdirSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import * as NodeFs from "../../src/node/files/NodeFs.js"
import * as OpenFiles from "../../src/node/files/OpenFiles.js"
import { directory } from "../support/directory.js"
import { fails } from "./temporary.js"

/** The open files of this process in a directory. */
const openIn = (path: string) =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith(`${path}/`) ? [target.slice(path.length + 1)] : []
    } catch {
      return []
    }
  }).toSorted()

const create = (path: string) => Effect.map(NodeFs.open(path, "w"), (file) => ({ ...file, end: 0 }))

describe("OpenFiles", () => {
  for (const code of ["EMFILE", "ENFILE"]) {
    it.scoped(`closes idle files if no other can be opened: ${code}`, () =>
      Effect.gen(function*() {
        const path = yield* directory
        const files = yield* OpenFiles.make(10)
        for (const name of ["a", "b"]) {
          yield* Effect.flatMap(files.take(join(path, name), create(join(path, name))), files.keep)
        }
        deepStrictEqual(openIn(path), ["a", "b"])
        const cause = Object.assign(new Error(code), { code })
        const open = Effect.suspend(() =>
          openIn(path).length === 0
            ? create(join(path, "c"))
            : new UploadStoreError.UploadStoreError({ reason: "Write", operation: "open c", cause })
        )
        const file = yield* files.take(join(path, "c"), open)
        deepStrictEqual(openIn(path), ["c"])
        yield* files.keep(file)
        // If the pool is empty, closing it cannot help.
        const never = new UploadStoreError.UploadStoreError({ reason: "Write", operation: "open d", cause })
        assert.strictEqual(yield* fails(files.take(join(path, "d"), never), "Write", code), never)
        deepStrictEqual(openIn(path), [])
      }))
  }
})
