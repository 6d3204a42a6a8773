/**
 * The writes of `../scenarios/beside.ts` without a server: copies of a file, one after the other and each synced, and
 * files of 4 KiB beside them, each synced before the next. Prints the milliseconds of each small one.
 */
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import { copyFile, open, rm } from "node:fs/promises"
import { join } from "node:path"

export interface Told {
  readonly directory: string
  readonly file: string
  readonly copies: number
  readonly durable: boolean
}

const { copies, directory, durable, file } = JSON.parse(process.argv[2] ?? "") as Told
const bytes = randomBytes(4096)
const latencies: Array<number> = []
const made: Array<string> = []
const under = { way: true }

const sync = async (path: string) => {
  if (durable) {
    const file = await open(path, "r+")
    await file.datasync()
    await file.close()
  }
}

const copy = async () => {
  for (let i = 0; i < copies; i++) {
    const path = join(directory, `copy.${i}`)
    made.push(path)
    await copyFile(file, path, constants.COPYFILE_EXCL)
    await sync(path)
  }
  under.way = false
}

const small = async () => {
  const state = await open(join(directory, "state"), "w")
  made.push(join(directory, "state"))
  while (under.way) {
    const path = join(directory, `small.${latencies.length}`)
    const start = performance.now()
    const file = await open(path, "wx")
    await file.write(bytes)
    if (durable) {
      await file.datasync()
      const names = await open(directory, "r")
      await names.sync()
      await names.close()
    }
    await file.close()
    await state.write(bytes)
    if (durable) {
      await state.datasync()
    }
    latencies.push(performance.now() - start)
    made.push(path)
  }
  await state.close()
}

await Promise.all([copy(), small()])
await Promise.all(made.map((path) => rm(path)))
process.stdout.write(`${JSON.stringify(latencies)}\n`)
