/**
 * A virtual machine gives memory back that nobody has used for a while, and gets it again when it is written to, page
 * by page: who writes a GiB then spends a second of processor time on it. In a comparison it must not be one of them.
 */
import { open, rm } from "node:fs/promises"
import { join } from "node:path"
import { GiB, MiB } from "./Tus.js"

const bytes = Buffer.alloc(MiB, 1)

/** Makes sure that the next GiB that is written to files finds memory which is at hand. */
export const atHand = async (directory: string) => {
  const path = join(directory, "memory")
  const file = await open(path, "w")
  for (let written = 0; written < 1.25 * GiB; written += MiB) {
    await file.write(bytes)
  }
  await file.close()
  await rm(path)
}
