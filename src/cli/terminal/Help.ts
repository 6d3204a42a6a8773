/**
 * Formats the help of @effect/cli, without its generic sentences. Pure.
 */
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Text from "./Text.js"

/** The help of one command. */
export const ofCommand = (name: string, help: HelpDoc.HelpDoc, columns: number): string => {
  const all = definitions(help)
  const [about = ""] = paragraphs(help)
  const operands = all.filter(({ term }) => term.startsWith("<")).map(({ term, text }) => ({
    term: term.replace(/^<(.*)>( \d\+|\.\.\.)?$/, (_, name, many) => operand(name, many)),
    text
  }))
  const options = all.filter(({ term }) => !term.startsWith("<")).map(({ term, text }) => ({
    term: term.replace(/^\((-\w), (--[^)]*)\)/, "$1, $2").replace(/\.\.\.$/, "").replace(/^--/, "    --"),
    text
  }))
  return [
    ...Text.wrap(`effect-tus ${[name, ...operands.map(({ term }) => term)].join(" ")} [options]`, columns - 1, 4),
    "",
    ...Text.wrap(about, columns - 1),
    "",
    ...rows([...operands, ...(operands.length === 0 ? [] : [blank]), ...options], columns)
  ].join("\n")
}

/** The help of the whole command. */
export const ofAll = (
  version: string,
  about: string,
  commands: Readonly<Record<string, HelpDoc.HelpDoc>>,
  columns: number
): string =>
  [
    ...Text.wrap(`effect-tus ${version}: ${about}`, columns - 1),
    "",
    ...rows(
      Object.entries(commands).map(([term, help]) => ({ term, text: paragraphs(help)[0] ?? "" })),
      columns
    ),
    "",
    ...examples.flatMap((line) => shell(line, columns)),
    "",
    ...closing.flatMap((line) => Text.wrap(line, columns - 1))
  ].join("\n")

const examples = [
  "  effect-tus serve",
  "  effect-tus upload video.mp4 --to http://127.0.0.1:1080/files",
  "  tar c photos | effect-tus upload - --name photos.tar --to http://127.0.0.1:1080/files"
]

const closing = [
  "effect-tus COMMAND --help shows the options of a command, --version the version; --completions bash, zsh or fish prints a script for that shell.",
  "Exit codes: 0 done, 1 failed, 2 wrong arguments, 130 interrupted."
]

/** Continues a long command line with backslashes, so that it can be pasted. */
const shell = (line: string, columns: number): ReadonlyArray<string> =>
  Text.width(line) < columns
    ? [line]
    : Text.wrap(line, columns - 3, 4).map((part, i, { length }) => (i === length - 1 ? part : `${part} \\`))

interface Row {
  readonly term: string
  readonly text: string
}

const blank: Row = { term: "", text: "" }

/**
 * The fewest columns for texts beside their terms. If there are fewer, or a word is longer, each text goes below its
 * term.
 */
const beside = 20

const rows = (all: ReadonlyArray<Row>, columns: number): ReadonlyArray<string> => {
  const widest = Math.max(...all.map(({ term }) => term.length))
  const margin = " ".repeat(widest + 4)
  const longest = Math.max(beside, ...all.flatMap(({ text }) => text.split(" ").map(Text.width)))
  return columns - 1 - margin.length < longest
    ? all.flatMap((
      { term, text }
    ) => [`  ${term}`.trimEnd(), ...(text === "" ? [] : Text.wrap(below + text, columns - 1))])
    : all.flatMap(({ term, text }) => {
      const [first = "", ...rest] = Text.wrap(text, columns - 1 - margin.length)
      return [`  ${term.padEnd(widest)}  ${first}`.trimEnd(), ...rest.map((line) => margin + line)]
    })
}

const below = " ".repeat(10)

/** `[FILE...]` is optional. */
const operand = (name: string, many: string | undefined): string =>
  many === undefined ? name : many === "..." ? `[${name}...]` : name.includes("|") ? `(${name})...` : `${name}...`

const definitions = (help: HelpDoc.HelpDoc): ReadonlyArray<Row> => {
  switch (help._tag) {
    case "DescriptionList":
      return help.definitions.map(([term, description]) => ({
        term: textOf(HelpDoc.p(term)),
        text: paragraphs(description).join(" ")
      }))
    case "Sequence":
      return [...definitions(help.left), ...definitions(help.right)]
    default:
      return []
  }
}

const paragraphs = (help: HelpDoc.HelpDoc): ReadonlyArray<string> => {
  switch (help._tag) {
    case "Paragraph":
      return [textOf(help)].filter((text) => !saysNothing.test(text))
    case "Sequence":
      return [...paragraphs(help.left), ...paragraphs(help.right)]
    default:
      return []
  }
}

/** The generic sentences of @effect/cli. */
const saysNothing =
  /^(A user-defined piece of text|A true or false value|This setting is optional|This (option|argument) (may|must) be repeated)\b/

const textOf = (help: HelpDoc.HelpDoc) => Text.uncolored(HelpDoc.toAnsiText(help)).trim()
