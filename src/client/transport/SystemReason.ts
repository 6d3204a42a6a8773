/**
 * Why the system refuses access to a file, in the system's words, without the path. Pure.
 */
import type { PlatformError } from "@effect/platform/Error"

export const of = (error: PlatformError | Error): string => {
  const said = "description" in error ? error.description : error.message
  const [, words] = /^E[A-Z0-9]+: ([^,]+), /.exec(said ?? "") ?? []
  return words ?? error.message
}
