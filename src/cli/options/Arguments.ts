/**
 * Rearranges arguments for @effect/cli: options first, operands after `--`. Without that it takes an unknown option for
 * an operand, loses `-`, and takes an operand after a flag for the flag's value if it is 1 or y. Pure.
 */
import type { Usage } from "@effect/cli/Usage"
import * as Either from "effect/Either"
import * as Option from "effect/Option"

export interface Flag {
  /** With dashes, the long name first. */
  readonly names: ReadonlyArray<string>
  readonly takesValue: boolean
  readonly repeats: boolean
}

/** The options in a usage. */
export const flagsOf = (usage: Usage, repeats = false): ReadonlyArray<Flag> => {
  switch (usage._tag) {
    case "Named": {
      const names = usage.names.filter((name) => name.startsWith("-")).toSorted((a, b) => b.length - a.length)
      return names.length === 0 ? [] : [{ names, takesValue: Option.isSome(usage.acceptedValues), repeats }]
    }
    case "Optional":
      return flagsOf(usage.usage, repeats)
    case "Repeated":
      return flagsOf(usage.usage, true)
    case "Alternation":
    case "Concat":
      return [...flagsOf(usage.left, repeats), ...flagsOf(usage.right, repeats)]
    default:
      return []
  }
}

/** Options of @effect/cli that do something else than running the command. */
const builtIn = new Set(["-h", "--help", "--version", "--wizard"])

/** An option of the whole command only. */
const isCompletions = /^--completions(=|$)/

/** The rearranged arguments after the name of the command; `Left` says what is wrong with them. */
export const arrange = (
  commands: Readonly<Record<string, ReadonlyArray<Flag>>>,
  args: ReadonlyArray<string>
): Either.Either<ReadonlyArray<string>, string> => {
  const [first, ...rest] = args
  if (first === undefined || first === "-h" || first === "--help") {
    return Either.right(["--help"])
  }
  if (builtIn.has(first) || isCompletions.test(first)) {
    return Either.right(args)
  }
  const flags = Object.hasOwn(commands, first) ? commands[first] : undefined
  return flags === undefined
    ? Either.left(
      `unknown command ${first}${didYouMean(first, Object.keys(commands))}; the commands are ${
        Object.keys(commands).join(", ")
      }`
    )
    : Either.map(arrangeOptions(flags, rest), (arranged) => [first, ...arranged])
}

const arrangeOptions = (
  flags: ReadonlyArray<Flag>,
  args: ReadonlyArray<string>
): Either.Either<ReadonlyArray<string>, string> => {
  const options: Array<string> = []
  const operands: Array<string> = []
  const seen = new Set<Flag>()
  const waiting = [...args]
  for (let arg = waiting.shift(); arg !== undefined; arg = waiting.shift()) {
    if (arg === "--") {
      operands.push(...waiting)
      break
    }
    if (arg === "-" || !arg.startsWith("-")) {
      operands.push(arg)
      continue
    }
    if (builtIn.has(arg)) {
      return Either.right([arg === "-h" ? "--help" : arg])
    }
    const [, name = arg, value] = /^(--[^=]+)=(.*)$/s.exec(arg) ?? []
    const flag = flags.find(({ names }) => names.includes(name))
    if (flag === undefined && /^-[^-]./.test(arg)) {
      // -rq is -r -q, and -HName is -H Name.
      const short = arg.slice(0, 2)
      const joined = flags.find(({ names }) => names.includes(short))
      if (joined !== undefined && (joined.takesValue || !arg.startsWith("-", 2))) {
        waiting.unshift(short, `${joined.takesValue ? "" : "-"}${arg.slice(2)}`)
        continue
      }
    }
    const [long = name] = flag?.names ?? []
    if (flag === undefined) {
      return Either.left(
        `unknown option ${name}${didYouMean(name, [...flags.flatMap(({ names }) => names), ...builtIn])}`
      )
    }
    if (seen.has(flag) && !flag.repeats) {
      return Either.left(`${long} can be given only once`)
    }
    seen.add(flag)
    if (!flag.takesValue) {
      if (value !== undefined) {
        return Either.left(`${long} takes no value`)
      }
      options.push(long)
      continue
    }
    const given = value ?? waiting.shift()
    if (given === undefined) {
      return Either.left(`${long} needs a value`)
    }
    // With `=`, since the value looks like an option.
    options.push(...(given.startsWith("-") ? [`${long}=${given}`] : [long, given]))
  }
  return Either.right([...options, ...(operands.length === 0 ? [] : ["--", ...operands])])
}

const didYouMean = (name: string, known: ReadonlyArray<string>): string => {
  const [best] = known
    .map((other) => ({ other, distance: distance(name, other) }))
    .filter(({ distance, other }) => distance <= Math.min(2, Math.floor(other.replace(/^-+/, "").length / 2)))
    .toSorted((a, b) => a.distance - b.distance)
  return best === undefined ? "" : ` (did you mean ${best.other}?)`
}

/** The edit distance. */
const distance = (a: string, b: string): number => {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, x] of Array.from(a).entries()) {
    const row = [i + 1]
    for (const [j, y] of Array.from(b).entries()) {
      row.push(Math.min((above[j + 1] ?? 0) + 1, (row[j] ?? 0) + 1, (above[j] ?? 0) + (x === y ? 0 : 1)))
    }
    above = row
  }
  return above.at(-1) ?? 0
}
