import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { type PlatformError, SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as SystemReason from "../../src/client/transport/SystemReason.js"

it.layer(NodeFileSystem.layer)("the reason of a failed system call", (it) => {
  const cases: ReadonlyArray<readonly [string, (fs: FileSystem.FileSystem) => Effect.Effect<unknown, PlatformError>]> =
    [
      ["no such file or directory", (fs) => fs.readFile("/nowhere, or 'elsewhere', at all")],
      ["not a directory", (fs) => fs.stat(`${import.meta.filename}/below`)],
      ["illegal operation on a directory", (fs) => fs.readFile("/")],
      ["name too long", (fs) => fs.stat(`/${"a".repeat(300)}`)]
    ]
  for (const [words, use] of cases) {
    it.effect(`is "${words}"`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(use(yield* FileSystem.FileSystem))
        assert.strictEqual(SystemReason.of(error), words)
      }))
  }

  for (
    const [words, use] of [
      ["no such file or directory", () => Fs.readFileSync("/nowhere, or 'elsewhere', at all")],
      ["not a directory", () => Fs.statSync(`${import.meta.filename}/below`)],
      ["illegal operation on a directory", () => Fs.readFileSync("/")]
    ] as const
  ) {
    it.effect(`is "${words}" in an error of Node itself`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Effect.try({ try: (): unknown => use(), catch: (cause) => cause as Error }))
        assert.strictEqual(SystemReason.of(error), words)
      }))
  }

  it("is the message if the error has another form", () => {
    const error = new SystemError({ reason: "Busy", module: "FileSystem", method: "open", description: "try later" })
    assert.strictEqual(SystemReason.of(error), "Busy: FileSystem.open: try later")
    assert.strictEqual(SystemReason.of(new Error("too late")), "too late")
  })
})
