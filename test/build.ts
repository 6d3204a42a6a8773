/**
 * Compiles the package before the tests. Tests start processes from the compiled package, but import the sources. Only
 * files that have changed are compiled.
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
