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

/** All at once, since each would be missed in turn; and the versions that fit, since the latest may be of another Effect. */
const packages = [
  "effect@^3.22",
  "@effect/cli@^0.77",
  "@effect/platform@^0.97",
  "@effect/platform-node@^0.108",
  "@effect/printer@^0.51",
  "@effect/printer-ansi@^0.51",
  "@effect/sql@^0.52",
  "@effect/sql-sqlite-node@^0.53",
  "@effect/typeclass@^0.41",
  "@effect/experimental@^0.61"
]
