/**
 * What is said when a package is not installed. Needs none itself.
 */

/** One sentence with the command that helps; none where it is something else. */
export const sentence = (cause: unknown): string | undefined => {
  if (!(cause instanceof Error) || !("code" in cause) || cause.code !== "ERR_MODULE_NOT_FOUND") {
    return undefined
  }
  const [, name] = /^Cannot find package '((?:@[^/']+\/)?[^/']+)/.exec(cause.message) ?? []
  return name === undefined
    ? undefined
    : `the package ${name} is not installed; install what the command needs: npm install ${packages.join(" ")}`
}

/** All at once, since each would be missed in turn. */
const packages = [
  "effect",
  "@effect/cli",
  "@effect/platform",
  "@effect/platform-node",
  "@effect/printer",
  "@effect/printer-ansi",
  "@effect/sql",
  "@effect/sql-sqlite-node",
  "@effect/typeclass",
  "@effect/experimental"
]
