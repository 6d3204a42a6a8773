/**
 * The help of the command on a page: what @effect/cli knows of its options, without what goes without saying. Pure.
 */
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Text from "./Text.js"

/** Of one command. */
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
    `effect-tus ${[name, ...operands.map(({ term }) => term)].join(" ")} [options]`,
    "",
    ...Text.wrap(about, columns - 1),
    "",
    ...rows([...operands, ...(operands.length === 0 ? [] : [blank]), ...options], columns)
  ].join("\n")
}

/** Of all. */
export const ofAll = (
  version: string,
  about: string,
  commands: Readonly<Record<string, HelpDoc.HelpDoc>>,
  columns: number
): string =>
  [
    `effect-tus ${version}: ${about}`,
    "",
    ...rows(
      Object.entries(commands).map(([term, help]) => ({ term, text: paragraphs(help)[0] ?? "" })),
      columns
    ),
    "",
    "  effect-tus serve",
    "  effect-tus upload video.mp4 --to http://127.0.0.1:1080/files",
    "  tar c photos | effect-tus upload - --name photos.tar --to http://127.0.0.1:1080/files",
    "",
    ...Text.wrap(
      "effect-tus COMMAND --help tells more, --version which one this is; --completions bash, zsh or fish prints a script for that shell.",
      columns - 1
    ),
    "Exit codes: 0 done, 1 failed, 2 called in a wrong way, 130 interrupted."
  ].join("\n")

interface Row {
  readonly term: string
  readonly text: string
}

const blank: Row = { term: "", text: "" }

const rows = (all: ReadonlyArray<Row>, columns: number): ReadonlyArray<string> => {
  const widest = Math.max(...all.map(({ term }) => term.length))
  return all.flatMap(({ term, text }) => {
    const [first = "", ...rest] = Text.wrap(text, Math.max(24, columns - widest - 4) - 1)
    return [`  ${term.padEnd(widest)}  ${first}`.trimEnd(), ...rest.map((line) => " ".repeat(widest + 4) + line)]
  })
}

/** `[FILE...]` may be left out. */
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

/** What @effect/cli says of each option and argument. */
const saysNothing =
  /^(A user-defined piece of text|A true or false value|This setting is optional|This (option|argument) (may|must) be repeated)\b/

const textOf = (help: HelpDoc.HelpDoc) => Text.uncolored(HelpDoc.toAnsiText(help)).trim()
