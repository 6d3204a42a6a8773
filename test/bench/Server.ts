/**
 * A server in a process of its own, on a core of its own, and what the kernel says of it.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"

/** The servers have one core, the load has the other. */
export const serverCore = 0
export const loadCore = 1

export interface Kind {
  readonly name: string
  readonly script: "effect-tus" | "tus-server" | "floor"
  readonly options?: Readonly<Record<string, unknown>>
}

export interface Server extends AsyncDisposable {
  readonly kind: Kind
  readonly port: number
  readonly directory: string
  /** Seconds of processor time that all threads have used so far. */
  readonly cpu: () => Promise<number>
  /** Resolves when the server has nothing left to do on its own, such as what it does at its start. */
  readonly rest: () => Promise<void>
  /** Bytes of memory in use. */
  readonly rss: () => Promise<number>
  /** The most bytes in use since it was asked last. */
  readonly peakRss: () => Promise<number>
  /** Ends the process and leaves its directory. */
  readonly stop: () => Promise<void>
}

/** Where effect-tus has the bytes of an upload. */
export const fileOf = ({ directory }: Server, path: string) => {
  const id = path.slice(path.lastIndexOf("/") + 1)
  return join(directory, id.slice(-2), id)
}

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** A process on a core of its own, and the first line it says. */
export const pinned = async (core: number, script: string, told: unknown) => {
  const child = spawn("taskset", ["-c", String(core), process.execPath, local(script), JSON.stringify(told)], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let said = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => said += text)
  const ended = once(child, "close")
  return {
    pid: child.pid ?? 0,
    ended,
    kill: async () => {
      child.kill("SIGKILL")
      await ended
    },
    /** Waits for a whole line. */
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
    }
  }
}

export const start = async (kind: Kind, directory?: string): Promise<Server> => {
  const root = directory ?? await mkdtemp(join(process.env.BENCH_DIR ?? tmpdir(), "effect-tus-bench-"))
  await mkdir(root, { recursive: true })
  const child = await pinned(serverCore, `servers/${kind.script}.mjs`, { directory: root, ...kind.options })
  const port = Number(await child.says())
  const proc = `/proc/${child.pid}`
  const status = async (field: string) => {
    const text = await readFile(`${proc}/status`, "utf8")
    return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(text)?.[1]) * 1024
  }
  const cpu = async () => {
    const threads = await readdir(`${proc}/task`)
    const times = await Promise.all(threads.map((id) => readFile(`${proc}/task/${id}/schedstat`, "utf8")))
    return times.reduce((sum, text) => sum + Number(text.split(" ")[0]), 0) / 1e9
  }
  return {
    kind,
    port,
    directory: root,
    cpu,
    rest: async () => {
      for (let before = -1, used = 0; used - before > 0.02; before = used, used = await cpu()) {
        await setTimeout(1000)
      }
    },
    rss: () => status("VmRSS"),
    peakRss: async () => {
      const peak = await status("VmHWM")
      await writeFile(`${proc}/clear_refs`, "5")
      return peak
    },
    stop: child.kill,
    [Symbol.asyncDispose]: async () => {
      await child.kill()
      await rm(root, { recursive: true, force: true })
    }
  }
}
