/**
 * Builds the package before the tests, what has changed of it: whatever they start as a process is that, and they load the sources.
 */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"

export default () => {
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "src"], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: "inherit"
  })
}
