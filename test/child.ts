/**
 * A script of the tests as a child process. Tests only end processes that they started.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

export type Line = Readonly<Record<string, unknown>>

/**
 * Runs `test/<file>.ts` with one JSON argument. The script prints one JSON object a line; other lines of its output are
 * ignored.
 */
const start = (file: string, told: unknown, flags: ReadonlyArray<string>) => {
  const child = spawn(
    process.execPath,
    [...flags, "--import", "tsx", `test/${file}.ts`, JSON.stringify(told)],
    {
      cwd: root,
      env: {
        ...process.env,
        TSX_TSCONFIG_PATH: "test/tsconfig.dist.json"
      },
      stdio: ["ignore", "pipe", "pipe"]
    }
  )
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
    child.emit("said")
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr += text)
  const lines = (): ReadonlyArray<Line> =>
    stdout.split("\n").slice(0, -1).filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Line)
  const ended = once(child, "close").then(([code]) => {
    child.emit("said")
    return { code: code as number | null, lines: lines(), stderr }
  })
  return {
    process: child,
    lines,
    ended,
    /** Waits for a line. */
    says: async (is: (line: Line) => boolean) => {
      for (;;) {
        const line = lines().find(is)
        if (line !== undefined) {
          return line
        }
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`${file} ended: ${stdout}${stderr}`)
        }
        await once(child, "said")
      }
    },
    kill: async (signal: NodeJS.Signals) => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal)
      }
      return await ended
    }
  }
}

/** A child process that ends with the scope. */
export const child = (file: string, told: unknown, flags: ReadonlyArray<string> = []) =>
  Effect.acquireRelease(
    Effect.sync(() => start(file, told, flags)),
    ({ kill }) => Effect.promise(() => kill("SIGKILL"))
  )
