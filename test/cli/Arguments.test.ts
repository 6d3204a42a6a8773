import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Arguments from "../../src/cli/options/Arguments.js"

const flags: ReadonlyArray<Arguments.Flag> = [
  { names: ["--to"], takesValue: true, repeats: false },
  { names: ["--recursive", "-r"], takesValue: false, repeats: false },
  { names: ["--quiet", "-q"], takesValue: false, repeats: false },
  { names: ["--header", "-H"], takesValue: true, repeats: true }
]

const arrange = (...args: ReadonlyArray<string>) => Arguments.arrange({ upload: flags, list: [] }, args)

/** The rearranged arguments of `upload`. */
const upload = (...args: ReadonlyArray<string>) =>
  Either.map(arrange("upload", ...args), ([first, ...rest]): ReadonlyArray<string> => {
    assert.strictEqual(first, "upload")
    return rest
  })

const right = (...args: ReadonlyArray<string>) => Either.right(args)

describe("arguments", () => {
  it("options come before operands, and -- separates them", () => {
    deepStrictEqual(upload("a", "--to", "URL", "b", "-r"), right("--to", "URL", "--recursive", "--", "a", "b"))
    deepStrictEqual(upload("-r"), right("--recursive"))
    deepStrictEqual(upload("a"), right("--", "a"))
    deepStrictEqual(arrange("list"), Either.right(["list"]))
  })

  it("everything after -- is an operand", () => {
    deepStrictEqual(upload("-r", "--", "-q", "--", "--to"), right("--recursive", "--", "-q", "--", "--to"))
    deepStrictEqual(upload("--"), right())
  })

  it("a single - is an operand, and so is an empty word", () => {
    deepStrictEqual(upload("-", "-r"), right("--recursive", "--", "-"))
    deepStrictEqual(upload("", "-r"), right("--recursive", "--", ""))
  })

  it("a short option may be joined with others or with its value", () => {
    deepStrictEqual(upload("-rq", "a"), right("--recursive", "--quiet", "--", "a"))
    deepStrictEqual(upload("-HName: x"), right("--header", "Name: x"))
    deepStrictEqual(upload("-rHName: x"), right("--recursive", "--header", "Name: x"))
  })

  it("a long option is not read as short options", () => {
    deepStrictEqual(upload("-r-quiet"), Either.left("unknown option -r-quiet (did you mean --quiet?)"))
    deepStrictEqual(upload("-r-", "-q"), Either.left("unknown option -r-"))
  })

  it("a value may follow a =, and contain another =", () => {
    deepStrictEqual(upload("--to=URL"), right("--to", "URL"))
    deepStrictEqual(upload("--header=a=b"), right("--header", "a=b"))
    deepStrictEqual(upload("--to="), right("--to", ""))
    deepStrictEqual(upload("--to=a\nb"), right("--to", "a\nb"))
  })

  it("a value may begin with -", () => {
    for (const args of [["--to", "-x"], ["--to=-x"]]) {
      deepStrictEqual(upload(...args), right("--to=-x"))
    }
    deepStrictEqual(upload("--to", "--help"), right("--to=--help"))
    deepStrictEqual(upload("--to", "--", "a"), right("--to=--", "--", "a"))
    deepStrictEqual(upload("-H-x"), right("--header=-x"))
  })

  it("a flag does not take the operand after it as its value", () => {
    deepStrictEqual(upload("-r", "y", "-q", "1"), right("--recursive", "--quiet", "--", "y", "1"))
    deepStrictEqual(upload("--recursive=true"), Either.left("--recursive takes no value"))
  })

  it("some options may be given only once, under any of their names", () => {
    deepStrictEqual(upload("--to", "a", "--to=b"), Either.left("--to can be given only once"))
    deepStrictEqual(upload("-r", "--recursive"), Either.left("--recursive can be given only once"))
    deepStrictEqual(upload("-H", "a", "--header", "b"), right("--header", "a", "--header", "b"))
  })

  it("an error names the option whose value is missing", () => {
    deepStrictEqual(upload("a", "--to"), Either.left("--to needs a value"))
    deepStrictEqual(upload("a", "-H"), Either.left("--header needs a value"))
  })

  it("an error names an unknown option, and a similar one that exists", () => {
    const said = {
      "--too": "--too (did you mean --to?)",
      "--recursiv": "--recursiv (did you mean --recursive?)",
      "--quite=1": "--quite (did you mean --quiet?)",
      "--hepl": "--hepl (did you mean --help?)",
      "--zebra": "--zebra",
      "-x": "-x",
      "-xr": "-xr",
      "-😀": "-😀",
      "--=x": "--=x",
      "---": "---"
    }
    for (const [arg, about] of Object.entries(said)) {
      deepStrictEqual(upload(arg), Either.left(`unknown option ${about}`))
    }
  })

  it("--help wins over errors after it", () => {
    deepStrictEqual(upload("a", "--help", "--zebra"), right("--help"))
    deepStrictEqual(upload("-h"), right("--help"))
    deepStrictEqual(upload("-rh"), right("--help"))
    deepStrictEqual(upload("--zebra", "--help"), Either.left("unknown option --zebra"))
  })

  it("no arguments at all ask for help", () => {
    for (const args of [[], ["-h"], ["--help"], ["--help", "upload"]]) {
      deepStrictEqual(arrange(...args), Either.right(["--help"]))
    }
    deepStrictEqual(arrange("--version"), Either.right(["--version"]))
    deepStrictEqual(arrange("--completions", "bash"), Either.right(["--completions", "bash"]))
    deepStrictEqual(arrange("--completions=bash"), Either.right(["--completions=bash"]))
  })

  it("a command does not accept the options of the whole command", () => {
    deepStrictEqual(upload("a", "--completions", "bash"), Either.left("unknown option --completions"))
    deepStrictEqual(upload("a", "--log-level=debug"), Either.left("unknown option --log-level"))
  })

  it("an error names an unknown command, and a similar one that exists", () => {
    deepStrictEqual(
      arrange("uplaod", "a"),
      Either.left("unknown command uplaod (did you mean upload?); the commands are upload, list")
    )
    deepStrictEqual(arrange("a.bin"), Either.left("unknown command a.bin; the commands are upload, list"))
    deepStrictEqual(arrange("constructor"), Either.left("unknown command constructor; the commands are upload, list"))
  })

  it.prop("no operand is lost, added or taken for an option", [
    FastCheck.array(FastCheck.oneof(FastCheck.constantFrom("-", "--to", "-r", "y"), FastCheck.string()))
  ], ([operands]) => {
    deepStrictEqual(
      upload("-q", "--", ...operands),
      right("--quiet", ...(operands.length === 0 ? [] : ["--"]), ...operands)
    )
  })

  it.prop(
    "any arguments have a result",
    [FastCheck.array(FastCheck.string({ unit: "binary" }))],
    ([args]) => {
      assert.isBoolean(Either.isRight(arrange(...args)))
      assert.isBoolean(Either.isRight(upload(...args.map((arg) => `-${arg}`))))
    }
  )
})

const byName = (all: ReadonlyArray<Arguments.Flag>) =>
  all.toSorted((a, b) => (String(a.names) < String(b.names) ? -1 : 1))

describe("the options of a command", () => {
  it("are those of its usage line", () => {
    const command = Command.make("upload", {
      to: Options.text("to").pipe(Options.optional),
      recursive: Options.boolean("recursive").pipe(Options.withAlias("r")),
      nested: { header: Options.text("header").pipe(Options.withAlias("H"), Options.repeated) },
      retries: Options.integer("retries").pipe(Options.withDefault(1))
    })
    deepStrictEqual(
      byName(Arguments.flagsOf(Command.getUsage(command)).filter(({ names }) => !names.includes("--help"))),
      byName([
        { names: ["--to"], takesValue: true, repeats: false },
        { names: ["--recursive", "-r"], takesValue: false, repeats: false },
        { names: ["--header", "-H"], takesValue: true, repeats: true },
        { names: ["--retries"], takesValue: true, repeats: false }
      ])
    )
  })
})
