/**
 * A program of the benchmark in a process of its own, on a core of its own, and what the kernel says of it. It is
 * compiled to plain JavaScript before it runs: a loader would change what is measured.
 */
import { build, type Plugin } from "esbuild"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdir, readFile, writeFile } from "node:fs/promises"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"

/** The servers have one core, the load has the other. */
export const serverCore = 0
export const loadCore = 1

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** What is loaded from where it lies, because only there it finds what is installed. */
const peers: Plugin = {
  name: "peers",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/peers\// }, ({ path, resolveDir }) => ({ path: resolve(resolveDir, path), external: true }))
}

let compiled: Promise<unknown> | undefined

const compile = () =>
  compiled ??= build({
    absWorkingDir: local("."),
    entryPoints: ["clients/*.ts", "servers/*.ts"],
    outbase: ".",
    outdir: "dist",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    // Whose paths would put the sources in the place of the package that is published.
    tsconfigRaw: "{}",
    plugins: [peers],
    format: "esm",
    platform: "node",
    target: "node20.19",
    logLevel: "warning"
  })

export interface Program {
  readonly ended: Promise<unknown>
  readonly kill: () => Promise<void>
  /** Waits for the first line that it prints. */
  readonly says: () => Promise<string>
  /** Seconds of processor time that all threads have used so far. */
  readonly cpu: () => Promise<number>
  /** Bytes of memory in use. */
  readonly rss: () => Promise<number>
  /** The most bytes in use since it was asked last. */
  readonly peakRss: () => Promise<number>
}

/** Starts `clients/x` or `servers/x` with its only argument. */
export const start = async (core: number, script: string, told: unknown): Promise<Program> => {
  await compile()
  const path = local(`dist/${script}.mjs`)
  const child = spawn("taskset", ["-c", String(core), process.execPath, path, JSON.stringify(told)], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let said = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => said += text)
  const ended = once(child, "close")
  const proc = `/proc/${child.pid}`
  const status = async (field: string) => {
    const text = await readFile(`${proc}/status`, "utf8")
    return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(text)?.[1]) * 1024
  }
  return {
    ended,
    kill: async () => {
      child.kill("SIGKILL")
      await ended
    },
    says: async () => {
      while (!said.includes("\n")) {
        await Promise.race([
          once(child.stdout, "data"),
          ended.then(([code]) => {
            if (!said.includes("\n")) {
              throw new Error(`${script} ended with ${code}`)
            }
          })
        ])
      }
      return said.slice(0, said.indexOf("\n"))
    },
    cpu: async () => {
      const threads = await readdir(`${proc}/task`)
      const times = await Promise.all(threads.map((id) => readFile(`${proc}/task/${id}/schedstat`, "utf8")))
      return times.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1e9
    },
    rss: () => status("VmRSS"),
    peakRss: async () => {
      const peak = await status("VmHWM")
      await writeFile(`${proc}/clear_refs`, "5")
      return peak
    }
  }
}
