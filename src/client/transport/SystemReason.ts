/**
 * What the system has against a file, in its own words and no others: the path stands in the sentence already. Pure.
 */
import type { PlatformError } from "@effect/platform/Error"

export const of = (error: PlatformError | Error): string => {
  const said = "description" in error ? error.description : error.message
  const [, words] = /^E[A-Z0-9]+: ([^,]+), /.exec(said ?? "") ?? []
  return words ?? error.message
}
