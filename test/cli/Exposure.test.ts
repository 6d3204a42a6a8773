import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Exposure from "../../src/cli/doctor/Exposure.js"
import { directory } from "../support/directory.js"
import * as Process from "./process.js"

/** A directory with a folder and a file in the folder. */
const made = (modes: { readonly directory: number; readonly folder: number; readonly file: number }) =>
  Effect.map(directory, (place) => {
    const folder = join(place, "ab")
    const file = join(folder, "upload")
    mkdirSync(folder)
    writeFileSync(file, "")
    chmodSync(file, modes.file)
    chmodSync(folder, modes.folder)
    chmodSync(place, modes.directory)
    return { place, file }
  })

const found = (modes: Parameters<typeof made>[0]) =>
  Effect.flatMap(
    made(modes),
    ({ file, place }) =>
      Effect.map(Exposure.examine(place), ({ advice, level, message }) => ({
        level,
        names: message.includes(file) ? file : undefined,
        expected: file,
        advice,
        place
      }))
  )

describe.runIf(process.platform !== "win32")("who can read a directory", () => {
  it.scoped.each(
    [
      ["only the owner, with any permissions of its files", 0o700, 0o755, 0o644, "ok"],
      ["its group", 0o750, 0o755, 0o644, "ok"],
      ["everybody", 0o755, 0o755, 0o644, "problem"],
      ["everybody who knows a name in it", 0o711, 0o755, 0o644, "problem"],
      ["everybody, except its files", 0o755, 0o755, 0o600, "note"],
      ["everybody, except its folders", 0o755, 0o700, 0o644, "note"]
    ] as const
  )("%s", ([, directory, folder, file, level]) =>
    Effect.gen(function*() {
      const finding = yield* found({ directory, folder, file })
      assert.strictEqual(finding.level, level)
      assert.strictEqual(finding.names, level === "problem" ? finding.expected : undefined)
      assert.strictEqual(finding.advice?.includes(`chmod -R o= '${finding.place}'`), level === "ok" ? undefined : true)
    }).pipe(Effect.provide(NodeContext.layer)))

  it.scopedLive("is reported by doctor, which fails if everybody can", () =>
    Effect.gen(function*() {
      const { file, place } = yield* made({ directory: 0o755, folder: 0o755, file: 0o644 })
      const { code, out } = yield* Process.run(place, ["doctor", place])
      assert.strictEqual(code, 1)
      deepStrictEqual(out[0], `problem  modes: everybody on this machine can read ${file}`)
    }), 60_000)
})
