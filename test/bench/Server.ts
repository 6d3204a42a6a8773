/**
 * A server that is measured, with a directory of its own.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import type { Kind } from "./Kinds.js"
import * as Program from "./Program.js"

export interface Server extends AsyncDisposable, Pick<Program.Program, "cpu" | "rss" | "peakRss"> {
  readonly kind: Kind
  readonly port: number
  readonly directory: string
  /** Resolves when the server has nothing left to do on its own, such as what it does at its start. */
  readonly rest: () => Promise<void>
  /** Ends the process and leaves its directory. */
  readonly stop: () => Promise<void>
}

/** Where effect-tus has the bytes of an upload. */
export const fileOf = ({ directory }: Server, path: string) => {
  const id = path.slice(path.lastIndexOf("/") + 1)
  return join(directory, id.slice(-2), id)
}

/** An empty directory on the disk that is measured: that of `BENCH_DIR`, or of temporary files. */
export const emptyDirectory = () => mkdtemp(join(process.env.BENCH_DIR ?? tmpdir(), "effect-tus-bench-"))

export const start = async (kind: Kind, directory?: string): Promise<Server> => {
  const root = directory ?? await emptyDirectory()
  const durability = kind.durability === "none" ? {} : { durability: kind.durability }
  const { cpu, kill, peakRss, rss, says } = await Program.start(Program.serverCore, `servers/${kind.script}`, {
    directory: root,
    ...durability,
    ...(kind.smallUploads === undefined ? {} : { smallUploads: kind.smallUploads })
  })
  const port = Number(await says())
  return {
    kind,
    port,
    directory: root,
    cpu,
    rss,
    peakRss,
    rest: async () => {
      for (let before = -1, used = 0; used - before > 0.02; before = used, used = await cpu()) {
        await setTimeout(1000)
      }
    },
    stop: kill,
    [Symbol.asyncDispose]: async () => {
      await kill()
      await rm(root, { recursive: true, force: true })
    }
  }
}
