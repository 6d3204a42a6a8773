/**
 * Every symbol and every option that an entry point exports has a docstring. The symbols that users start with have an
 * example, and every example compiles.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { check, examplesOf } from "./programs.js"

const root = fileURLToPath(new URL("..", import.meta.url))

const sources = new Map<string, string>()

const read = (file: string): string => {
  const source = sources.get(file) ?? readFileSync(join(root, file), "utf8")
  sources.set(file, source)
  return source
}

const { exports } = JSON.parse(read("package.json")) as { readonly exports: Record<string, string> }

const entries = Object.values(exports)
  .filter((file) => file.endsWith("/index.js"))
  .map((file) => file.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts"))

interface Declaration {
  readonly name: string
  readonly isDocumented: boolean
}

const declared = /^export (?:declare )?(?:abstract )?(?:const|let|class|interface|type|function\*?|enum) (\w+)/

/** A docstring ends on the line above, and it has text besides its tags. */
const isDocumented = (lines: ReadonlyArray<string>, at: number): boolean => {
  if (lines[at - 1]?.endsWith("*/") !== true) {
    return false
  }
  const start = lines.slice(0, at).findLastIndex((line) => /^ *\/\*\*/.test(line))
  const words = lines.slice(start, at).map((line) => line.replace(/^[ /*]+|[ /*]+$/g, "").replace(/^@.*/, ""))
  return start >= 0 && words.join("") !== ""
}

const declarationsOf = (source: string): ReadonlyArray<Declaration> => {
  const lines = source.split("\n")
  return lines.flatMap((line, at) => {
    const name = declared.exec(line)?.[1]
    return name === undefined ? [] : [{ name, isDocumented: isDocumented(lines, at) }]
  })
}

/** A type and its Schema share one name. Editors show both docstrings, so one of them is enough. */
const undocumented = (source: string): ReadonlyArray<string> => {
  const declarations = declarationsOf(source)
  const told = new Set(declarations.filter(({ isDocumented }) => isDocumented).map(({ name }) => name))
  return Array.from(new Set(declarations.map(({ name }) => name))).filter((name) => !told.has(name))
}

/** Optional properties of interfaces whose names end in `Options`. */
const undocumentedOptions = (source: string): ReadonlyArray<string> => {
  const lines = source.split("\n")
  let owner: string | undefined
  return lines.flatMap((line, at) => {
    owner = /^export interface (\w*Options)\b.*\{$/.exec(line)?.[1] ?? (line === "}" ? undefined : owner)
    const name = /^ {2}readonly (\w+)\?:/.exec(line)?.[1]
    return owner === undefined || name === undefined || isDocumented(lines, at) ? [] : [`${owner}.${name}`]
  })
}

const resolved = (from: string, specifier: string) => join(dirname(from), specifier.replace(/\.js$/, ".ts"))

const modules = entries.flatMap((entry) =>
  Array.from(read(entry).matchAll(/^export \* as \w+ from "(.+)"$/gm), ([, file = ""]) => resolved(entry, file))
)

/** Symbols that a module exports from another module. */
const handedOn = modules.flatMap((file) =>
  Array.from(read(file).matchAll(/^export (?:type )?\{ (.+) \} from "(.+)"$/gm), ([, names = "", other = ""]) => ({
    file: resolved(file, other),
    names: names.split(", ")
  }))
)

const files = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith(".ts"))

/** The symbols that users start with. */
const starts = [
  "NodeTusServer.layer",
  "EmbeddedServer.layer",
  "EmbeddedStore.layer",
  "NodeHandler.make",
  "TusServer.layer",
  "TusHttp.app",
  "TusHttp.layer",
  "TusWeb.make",
  "UploadHooks.UploadHooks",
  "UploadHooks.owned",
  "UploadLimits.layer",
  "UploadEvents.layerFeed",
  "TusPolicy.layer",
  "TusAdmin.layer",
  "TusHealth.ready",
  "TusMetrics.layer",
  "TusUpload.upload",
  "TusUpload.run",
  "NodeTusClient.layer",
  "BrowserTusClient.layer",
  "FileSource.make",
  "UploadSource.fromRange",
  "StreamSource.make",
  "UploadOptions.defaultRetry",
  "UploadOptions.recurUpTo",
  "UploadJournal.layerFileSystem",
  "ByteStoreSuite.suite",
  "UploadRegistrySuite.suite",
  "UploadLockSuite.suite"
]

describe("the docstring check", () => {
  it("finds every entry, and everything that it exports", () => {
    const rooms = readdirSync(join(root, "src")).filter((name) => existsSync(join(root, "src", name, "index.ts")))
    assert.strictEqual(
      entries.toSorted().join(),
      ["index", ...rooms.map((name) => `${name}/index`)]
        .map((name) => `src/${name}.ts`).toSorted().join()
    )
    assert.isAbove(modules.length, 80)
    assert.isAbove(modules.flatMap((file) => declarationsOf(read(file))).length, 350)
    const ways = entries.concat(modules).flatMap((file) =>
      read(file).match(
        /^export (?!\* as|(?:type )?\{ .+ \} from|(?:declare |abstract )*(?:const|class|interface|type|function) )/gm
      ) ?? []
    )
    assert.strictEqual(ways.join(), "")
  })

  it("finds a docstring on every export", () => {
    const own = modules.flatMap((file) => undocumented(read(file)).map((name) => `${file}: ${name}`))
    const others = handedOn.flatMap(({ file, names }) =>
      undocumented(read(file)).filter((name) => names.includes(name)).map((name) => `${file}: ${name}`)
    )
    assert.strictEqual(own.concat(others).join("\n"), "")
  })

  it("finds a docstring on every option", () => {
    const guilty = files("src").flatMap((file) => undocumentedOptions(read(file)).map((name) => `${file}: ${name}`))
    assert.strictEqual(guilty.join("\n"), "")
  })

  it("finds an example on every symbol that users start with", () => {
    const examples = files("src").flatMap((file) =>
      examplesOf(file, read(file)).map(({ line }) => {
        const lines = read(file).split("\n")
        const end = lines.findIndex((text, at) => at >= line && text.endsWith("*/"))
        return `${basename(file, ".ts")}.${declared.exec(lines[end + 1] ?? "")?.[1]}`
      })
    )
    assert.strictEqual(starts.filter((name) => !examples.includes(name)).join(), "")
    assert.strictEqual(examples.filter((name) => name.endsWith(".undefined")).join(), "")
    const marked = files("src").flatMap((file) => read(file).match(/@example/g) ?? [])
    assert.strictEqual(examples.length, marked.length, "each has a block that is marked as TypeScript")
  })

  it("finds only examples that compile", () => {
    assert.strictEqual(check(files("src").flatMap((file) => examplesOf(file, read(file)))), "")
  }, 300_000)

  it("would report an example that does not compile", () => {
    const source =
      "/**\n * What it is.\n *\n * @example\n * ```ts\n * import { TusHttp } from \"effect-tus/server\"\n *\n" +
      " * export const a = TusHttp.mount\n * ```\n */\nexport const b = 1\n"
    assert.match(check(examplesOf("A.ts", source)), /^A\.ts:8: .*'mount' does not exist/)
  }, 300_000)

  it("finds no type of this library that an editor would show as an import", () => {
    const guilty = modules.flatMap((file) =>
      read(file.replace(/^src(.*)\.ts$/, "dist$1.d.ts")).match(
        /^export declare (?:const|function) \w+.*import\("\.\.?\/.*$/gm
      ) ?? []
    )
    assert.strictEqual(guilty.join("\n"), "")
  })

  it("accepts neither an empty docstring nor one of tags only", () => {
    const examples: ReadonlyArray<readonly [source: string, guilty: string]> = [
      ["export const a = 1", "a"],
      ["/** What it is. */\nexport const a = 1", ""],
      ["/** What it is. */\n\nexport const a = 1", "a"],
      ["/** */\nexport class A {}", "A"],
      ["/** @see https://tus.io */\nexport class A {}", "A"],
      ["/**\n * What it is.\n *\n * @see https://tus.io\n */\nexport function* a() {}", ""],
      ["// What it is.\nexport interface A {}", "A"],
      ["/** What it is. */\nexport const A = B\nexport type A = typeof A.Type", ""],
      ["export const A = B\nexport type A = typeof A.Type", "A"],
      ["const a = 1", ""]
    ]
    for (const [source, guilty] of examples) {
      assert.strictEqual(undocumented(source).join(), guilty, source)
    }
    const options =
      "export interface Options extends Others {\n  readonly a?: 1\n  /** Why. */\n  readonly b?: 1\n  readonly c: 1\n}"
    assert.strictEqual(undocumentedOptions(options).join(), "Options.a")
    assert.strictEqual(undocumentedOptions(options.replace("Options", "Other")).join(), "")
  })
})
