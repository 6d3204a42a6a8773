/**
 * Examines a directory of uploads: who on this machine can read it.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import { note, ok, problem } from "./Finding.js"

/** The permission bits of all other users. */
const others = 0o007
const readable = 0o004

/** Looks through the directory and its folders, up to the first file that everybody can read. Changes nothing. */
export const examine = Effect.fnUntraced(function*(directory: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const modeOf = (name: string) => Effect.map(fs.stat(name), ({ mode, type }) => ({ mode, type }))

  if (((yield* modeOf(directory)).mode & others) === 0) {
    return ok("modes", `only its owner and its group can open ${directory}`)
  }
  const exposed = (name: string): Effect.Effect<ReadonlyArray<string>, PlatformError> =>
    Effect.gen(function*() {
      for (const entry of yield* fs.readDirectory(name)) {
        const child = path.join(name, entry)
        const { mode, type } = yield* modeOf(child)
        const found = type === "Directory"
          ? (mode & others) === 0 ? [] : yield* exposed(child)
          : (mode & readable) === 0
          ? []
          : [child]
        if (found.length > 0) {
          return found
        }
      }
      return []
    })
  const [first] = yield* exposed(directory)
  return first === undefined
    ? note("modes", `everybody on this machine can open ${directory}, but no file in it`, advice(directory))
    : problem("modes", `everybody on this machine can read ${first}`, advice(directory))
})

const advice = (directory: string) => `To restrict it to its owner and group: chmod -R o= '${directory}'`
