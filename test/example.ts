/**
 * An example as a child process, as a user runs it. Tests only end processes that they started.
 */
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export interface Example {
  /** Everything printed so far. */
  readonly output: () => string
  /** The first URL that was printed. */
  readonly url: string
  /** Ends the process with a signal and waits until it is gone. */
  readonly kill: (signal: NodeJS.Signals) => Promise<number | null>
  /** The resident memory of the process, in bytes. */
  readonly rss: () => number
  readonly process: ChildProcess
  /** Resolves when the process is gone. */
  readonly ended: Promise<unknown>
}

const root = fileURLToPath(new URL("..", import.meta.url))

export const spawnExample = (
  file: string,
  env: Readonly<Record<string, string>>,
  args: ReadonlyArray<string> = [],
  under: ReadonlyArray<string> = []
) => {
  const [command = "", ...rest] = [...under, process.execPath, "--import", "tsx", `examples/${file}.ts`, ...args]
  return spawn(command, rest, {
    cwd: root,
    env: {
      ...process.env,
      ...env,
      TSX_TSCONFIG_PATH: "test/tsconfig.dist.json"
    },
    stdio: ["ignore", "pipe", "pipe"]
  })
}

/**
 * Runs `examples/<file>.ts` on a free port, under another command if one is given. Resolves when it has printed its
 * URL.
 */
export const startExample = async (
  file: string,
  env: Readonly<Record<string, string>> = {},
  under: ReadonlyArray<string> = []
): Promise<Example> => {
  const child = spawnExample(file, { PORT: "0", ...env }, [], under)
  const ended = once(child, "exit")
  let output = ""
  const url = await new Promise<string>((resolve, reject) => {
    const onOutput = (chunk: Buffer) => {
      output += chunk.toString()
      const [url] = /https?:\/\/[^\s'"]+/.exec(output) ?? []
      if (url !== undefined) {
        resolve(url)
      }
    }
    child.stdout.on("data", onOutput)
    child.stderr.on("data", onOutput)
    child.once("exit", (code) => reject(new Error(`examples/${file}.ts ended with ${code}: ${output}`)))
  })
  return {
    url,
    ended,
    output: () => output,
    process: child,
    kill: async (signal) => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal)
        await ended
      }
      return child.exitCode
    },
    rss: () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) * 1024
  }
}

/** An example that ends with the scope. */
export const example = (file: string, env?: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.promise(() => startExample(file, env)),
    ({ kill }) => Effect.promise(() => kill("SIGKILL"))
  )
