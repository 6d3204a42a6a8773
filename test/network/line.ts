/**
 * A client and a server in network namespaces of their own (`line.py`), with a line between them that is as slow and as
 * lossy as the test says.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { sha256 } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { sha256OfStored } from "../support/stored.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

const command = ["-rnm", "python3", "test/network/line.py"]

export interface Line {
  readonly bytesPerSecond: number
  readonly delaySeconds: number
  /** The share of packets that are lost at random, in each direction. */
  readonly loss: number
  /** How many bytes wait to be sent before packets are dropped. */
  readonly queueBytes: number
  readonly seed: number
}

export interface Told {
  readonly line: Line
  /** The name of the server also resolves to an IPv6 address. */
  readonly named: boolean
  /** That address has a route, but nobody answers. */
  readonly silent: boolean
}

type Said = Readonly<Record<string, unknown>>

interface Counts {
  readonly carried: number
  readonly lost: number
}

const node = [process.execPath, "--import", "tsx"]

/** Uploads these bytes. Returns the client's reports, whether all bytes are stored, and the counts of the line. */
export const upload = Effect.fnUntraced(function*(told: Told, bytes: Uint8Array) {
  const stored = yield* directory
  const file = join(yield* directory, "file")
  yield* Effect.promise(() => writeFile(file, bytes))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn("unshare", [
        ...command,
        JSON.stringify({
          ...told,
          server: [...node, "test/chaos/serving.ts"],
          serverEnv: { SERVING: JSON.stringify({ directory: stored, host: "0.0.0.0", port: 1080 }) },
          client: [...node, "test/network/uploading.ts", "http://server.test:1080/files", file]
        })
      ], {
        cwd: root,
        env: { ...process.env, TSX_TSCONFIG_PATH: "test/tsconfig.dist.json" },
        stdio: ["ignore", "pipe", "inherit"]
      })
    ),
    // The server and the client end with this process: each asks the kernel for a signal when it dies.
    (child) => Effect.sync(() => child.exitCode === null && child.kill("SIGKILL"))
  )
  let stdout = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout += text)
  yield* Effect.promise(() => once(child, "close"))
  const said = stdout.trim().split("\n").map((line) => JSON.parse(line) as Said)
  const url = said.find(({ event }) => event === "Complete")?.url
  return {
    events: said.filter(({ event }) => event !== undefined),
    isStored: url !== undefined
      && (yield* Effect.promise(() => sha256([bytes]))) === (yield* sha256OfStored(stored, String(url))),
    line: said.at(-1) as { readonly unheard: number; readonly up: Counts; readonly down: Counts }
  }
})
