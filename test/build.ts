/**
 * Builds the package before the tests, what has changed of it: whatever they start as a process is that, and they load
 * the sources.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { bundle } from "../bundle.js"

const compile = async () => {
  await promisify(execFile)(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "src"], {
    cwd: fileURLToPath(new URL("..", import.meta.url))
  }).catch(({ stdout }) => {
    throw new Error(stdout)
  })
}

export default async () => {
  await Promise.all([compile(), bundle()])
}
