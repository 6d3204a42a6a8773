import * as Args from "@effect/cli/Args"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as AdminCommand from "../../src/cli/commands/AdminCommand.js"
import * as DoctorCommand from "../../src/cli/commands/DoctorCommand.js"
import * as InfoCommand from "../../src/cli/commands/InfoCommand.js"
import * as ListCommand from "../../src/cli/commands/ListCommand.js"
import * as ResumeCommand from "../../src/cli/commands/ResumeCommand.js"
import * as ServeCommand from "../../src/cli/commands/ServeCommand.js"
import * as TerminateCommand from "../../src/cli/commands/TerminateCommand.js"
import * as UploadCommand from "../../src/cli/commands/UploadCommand.js"
import * as Help from "../../src/cli/terminal/Help.js"

const docOf = <Name extends string, R, E, A>(command: Command.Command<Name, R, E, A>) =>
  Command.getHelp(command, CliConfig.make({ showBuiltIns: false }))

const small = Command.make("small", {
  files: Args.text({ name: "FILE" }).pipe(Args.withDescription("What to send."), Args.atLeast(1)),
  to: Options.text("to").pipe(Options.withPseudoName("URL"), Options.withDescription("Where to send it.")),
  quiet: Options.boolean("quiet").pipe(Options.withAlias("q"), Options.withDescription("Says nothing but errors.")),
  header: Options.text("header").pipe(
    Options.withPseudoName("NAME: VALUE"),
    Options.withAlias("H"),
    Options.repeated,
    Options.withDescription("Sent with every request.")
  ),
  after: Options.text("after").pipe(
    Options.map(() => Option.some(Duration.zero)),
    Options.withDefault(Option.some(Duration.zero)),
    Options.withDescription("When to stop.")
  )
}).pipe(Command.withDescription("Sends something."))

const helps = {
  upload: docOf(UploadCommand.command),
  resume: docOf(ResumeCommand.command),
  list: docOf(ListCommand.command),
  info: docOf(InfoCommand.command),
  terminate: docOf(TerminateCommand.command),
  doctor: docOf(DoctorCommand.command),
  serve: docOf(ServeCommand.command),
  admin: docOf(AdminCommand.command)
}

const first = (name: "resume" | "upload") => Help.ofCommand(name, helps[name], 100).split("\n")[0]

const examples = (columns: number) =>
  Help.ofAll("1.2.3", "resumable uploads.", helps, columns).split("\n\n")[2]?.replace(/ \\\n */g, " ")

describe("help", () => {
  it("lists operands and options in columns, short names first, with their meaning", () => {
    deepStrictEqual(Help.ofCommand("small", docOf(small), 80).split("\n"), [
      "effect-tus small FILE... [options]",
      "",
      "Sends something.",
      "",
      "  FILE...                   What to send.",
      "",
      "      --to URL              Where to send it.",
      "  -q, --quiet               Says nothing but errors.",
      "  -H, --header NAME: VALUE  Sent with every request.",
      "      --after text          When to stop."
    ])
  })

  it("marks what is optional, and lists choices", () => {
    assert.strictEqual(first("resume"), "effect-tus resume [URL|FILE...] [options]")
    assert.strictEqual(first("upload"), "effect-tus upload (FILE|DIR|-)... [options]")
  })

  it("wraps long lines", () => {
    deepStrictEqual(Help.ofCommand("small", docOf(small), 52).split("\n").slice(7, 9), [
      "  -q, --quiet               Says nothing but",
      "                            errors."
    ])
  })

  it("puts the meaning below each option if there is no room beside it", () => {
    deepStrictEqual(Help.ofCommand("small", docOf(small), 40).split("\n").slice(4, 9), [
      "  FILE...",
      "          What to send.",
      "",
      "      --to URL",
      "          Where to send it."
    ])
  })

  for (const [name, doc] of Object.entries(helps)) {
    it(`of ${name} describes each option, and leaves out phrases of the parser`, () => {
      const [usage, ...lines] = Help.ofCommand(name, doc, 100).split("\n")
      assert.match(usage ?? "", new RegExp(`^effect-tus ${name} .*\\[options\\]$`))
      for (const line of lines.filter((line) => line.includes(" --") && /^ {2}(-\w,| {3}) --/.test(line))) {
        assert.match(line, /^ {2}(-\w,| {3}) --[a-z-]+( [A-Z]+(: VALUE|=VALUE)?)? {2,}\S/)
      }
      assert.notMatch(lines.join(" "), /This \w+ (is|may|must)|Defaults to|user-defined|true or false|_tag|\p{Cc}/u)
    })

    it(`of ${name} is less wide than the terminal`, () => {
      for (const columns of [40, 50, 60, 80, 100, 120]) {
        const wide = Help.ofCommand(name, doc, columns).split("\n").filter((line) => line.length >= columns)
        deepStrictEqual(wide, [])
      }
    })
  }

  it("of the whole command describes each command", () => {
    const lines = Help.ofAll("1.2.3", "resumable uploads.", helps, 100).split("\n")
    assert.strictEqual(lines[0], "effect-tus 1.2.3: resumable uploads.")
    deepStrictEqual(lines.slice(2, 10).map((line) => line.trim().split(" ")[0]), Object.keys(helps))
    for (const line of lines.slice(2, 10)) {
      assert.match(line, /^ {2}\w+ {2,}[A-Z].*\.$/)
    }
    assert.match(lines.at(-1) ?? "", /^Exit codes: /)
  })

  it("of the whole command has examples that can be copied into a shell, for every width", () => {
    assert.include(examples(100), "upload - --name photos.tar --to http://")
    deepStrictEqual([40, 50, 80].map(examples), [100, 100, 100].map(examples))
  })
})
