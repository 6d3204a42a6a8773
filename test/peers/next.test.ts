/**
 * The server in Next.js, which bundles the package that is installed.
 */
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { holds, production } from "../frameworks.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const build = ["test/peers/node_modules/next/dist/bin/next", "build", "examples/next"]

describe("in Next.js", () => {
  it.scopedLive(
    "uploads resume, other routes respond, and a server that stops keeps what has arrived",
    () =>
      Effect.zipRight(
        Effect.promise(() =>
          promisify(execFile)(process.execPath, build, { cwd: root, env: { ...process.env, ...production } })
        ),
        holds("next/server", "/files")
      ),
    300_000
  )
})
