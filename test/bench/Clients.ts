/**
 * Clients in turns against one server: 1 GiB in one file, and 5,000 files of 10 KiB, sixteen at a time.
 */
import { randomBytes } from "node:crypto"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Memory from "./Memory.js"
import { loadCore, pinned, start } from "./Server.js"
import { median } from "./Statistics.js"
import { KiB, MiB } from "./Tus.js"

export interface Run {
  readonly seconds: number
  readonly cpu: number
  /** Bytes by which the client's memory grew at most. */
  readonly growth: number
}

export const clients = ["effect-tus", "tus-js-client"] as const

const large = async (directory: string) => {
  const chunk = randomBytes(MiB)
  await writeFile(join(directory, "large"), Array.from({ length: 1024 }, () => chunk))
}

const small = async (directory: string) => {
  for (let i = 0; i < 5000; i++) {
    await writeFile(join(directory, `small-${i}`), randomBytes(10 * KiB))
  }
}

const scenarios = { "1 GiB in one file": large, "5,000 files of 10 KiB": small }

/** By scenario and client, what each round took. */
export const measure = async (rounds: number): Promise<Record<string, Record<string, ReadonlyArray<Run>>>> => {
  const directory = await mkdtemp(join(process.env.BENCH_DIR ?? tmpdir(), "effect-tus-bench-"))
  try {
    const results: Record<string, Record<string, Array<Run>>> = {}
    for (const [title, prepare] of Object.entries(scenarios)) {
      const files = join(directory, "files")
      await mkdir(files)
      await prepare(files)
      const runs: Record<string, Array<Run>> = Object.fromEntries(clients.map((client) => [client, []]))
      for (let round = 0; round <= rounds; round++) {
        for (const client of clients) {
          const server = await start({ name: "process", script: "effect-tus", options: { durability: "process" } })
          await Memory.atHand(directory)
          const told = { concurrency: 16, endpoint: `http://127.0.0.1:${server.port}/files`, directory: files }
          const process = await pinned(loadCore, `clients/${client}.mjs`, told)
          const run = JSON.parse(await process.says()) as Run
          await process.ended
          await server[Symbol.asyncDispose]()
          if (round > 0) {
            runs[client]?.push(run)
          }
        }
      }
      results[title] = runs
      await rm(files, { recursive: true })
    }
    return results
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

export const print = (results: Awaited<ReturnType<typeof measure>>) => {
  for (const [title, runs] of Object.entries(results)) {
    process.stdout.write(`\n${title}\nclient              seconds    CPU s  MiB more\n`)
    for (const [client, own] of Object.entries(runs)) {
      const figure = (key: keyof Run, unit = 1) => (median(own.map((run) => run[key])) / unit).toFixed(2).padStart(9)
      process.stdout.write(`${client.padEnd(18)}${figure("seconds")}${figure("cpu")}${figure("growth", MiB)}\n`)
    }
  }
}
