/**
 * The client beside `tus-js-client`: what each spends on the same files, with the same server.
 */
import { randomBytes } from "node:crypto"
import { mkdir, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Run, Told } from "../clients/report.js"
import type { Kind } from "../Kinds.js"
import * as Memory from "../Memory.js"
import * as Program from "../Program.js"
import type { Measured, Scenario } from "../Scenario.js"
import { emptyDirectory, start } from "../Server.js"
import { GiB, KiB, MiB } from "../Tus.js"

interface Files {
  readonly count: number
  readonly size: number
}

const concurrency = 16

const write = async (directory: string, { count, size }: Files) => {
  await mkdir(directory)
  const chunk = randomBytes(Math.min(size, MiB))
  for (let i = 0; i < count; i++) {
    await writeFile(join(directory, `file-${i}`), Array.from({ length: size / chunk.length }, () => chunk))
  }
}

const upload = (files: Files) => async (kind: Kind): Promise<Measured> => {
  const root = await emptyDirectory()
  const directory = join(root, "files")
  const server = await start(kind)
  try {
    await write(directory, files)
    await Memory.atHand(root)
    const told: Told = { concurrency, endpoint: `http://127.0.0.1:${server.port}/files`, directory }
    const client = await Program.start(Program.loadCore, `clients/${kind.client}`, told)
    const { cpu, growth, peakRss, seconds } = JSON.parse(await client.says()) as Run
    await client.ended
    return {
      operations: files.count,
      bytes: files.count * files.size,
      seconds,
      cpu,
      latencies: [],
      peakRss,
      figures: { "MiB more": growth / MiB }
    }
  } finally {
    await server[Symbol.asyncDispose]()
    await rm(root, { recursive: true, force: true })
  }
}

const common = { connections: concurrency, on: ["client", "tus-js-client"] } as const

export const scenarios: ReadonlyArray<Scenario> = [
  {
    ...common,
    name: "client-files",
    title: "The client: 5,000 files of 10 KiB",
    per: "operation",
    on: [...common.on, "client to @tus/server", "tus-js-client to @tus/server"],
    runAlone: upload({ count: 5000, size: 10 * KiB })
  },
  {
    ...common,
    name: "client-large",
    title: "The client: 1 GiB in one file",
    per: "GiB",
    connections: 1,
    runAlone: upload({ count: 1, size: GiB })
  }
]
