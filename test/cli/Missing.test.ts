import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Missing from "../../src/cli/Missing.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

const notFound = (message: string) => Object.assign(new Error(message), { code: "ERR_MODULE_NOT_FOUND" })

const installed = () =>
  (Missing.sentence(notFound("Cannot find package 'effect' imported from /a.js")) ?? "")
    .replace(/^.*npm install /, "").split(" ").map((each) => each.split(/(?<=.)@/))

const listed = () => installed().map(([name]) => name ?? "")

interface Package {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const read = (...path: ReadonlyArray<string>) => readFileSync(join(root, ...path), "utf8")

const peers = ({ peerDependencies = {} }: Package) => Object.keys(peerDependencies)

const ownPackage = JSON.parse(read("package.json")) as Package

const packageAt = (name: string) => JSON.parse(read("node_modules", name, "package.json")) as Package

const nameOf = (specifier: string) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? ""

const imported =
  /^(?:import\s+(?:(?!type\b)[^"';]*?\bfrom\s+)?|export\s+[*{][^"';]*?\bfrom\s+)"([^"]+)"|\bimport\("([^"]+)"\)/gm

/** What a module loads, at once or later. */
const specifiersOf = (file: string) =>
  [...readFileSync(file, "utf8").matchAll(imported)].flatMap(([, one, other]) => one ?? other ?? [])
    .filter((specifier) => !specifier.startsWith("node:"))

/** A module of a package, by the convention of Effect's: a file of the same name. */
const fileOf = (specifier: string) => {
  const directory = join(root, "node_modules", nameOf(specifier))
  const rest = specifier.slice(nameOf(specifier).length)
  return join(directory, "dist", "esm", `${rest === "" ? "index" : rest}.js`)
}

/** The packages that the command loads, and those that these load, but for what comes with one of them. */
const needed = () => {
  const names = new Set<string>()
  const seen = new Set<string>()
  const visit = (file: string, { dependencies = {} }: Package) => {
    if (seen.has(file)) {
      return
    }
    seen.add(file)
    for (const specifier of specifiersOf(file)) {
      const name = nameOf(specifier)
      if (specifier.startsWith(".")) {
        const path = join(dirname(file), specifier)
        visit(file.endsWith(".ts") ? path.replace(/\.js$/, ".ts") : path, { dependencies })
      } else {
        if (!(name in dependencies)) {
          names.add(name)
        }
        if (/^(@effect\/|effect$)/.test(name)) {
          visit(fileOf(specifier), packageAt(name))
        }
      }
    }
  }
  visit(join(root, "src/cli/main.ts"), ownPackage)
  assert.isAbove(seen.size, 300)
  return [...names]
}

describe("a package that is missing", () => {
  it("is named, with the command that installs it", () => {
    for (const name of ["effect", "@effect/cli"]) {
      const said = Missing.sentence(notFound(`Cannot find package '${name}' imported from /usr/lib/cli/Run.js`)) ?? ""
      assert.isTrue(
        said.startsWith(`the package ${name} is not installed; install what the command needs: npm install `)
      )
      assert.include(listed(), name)
      assert.notInclude(said, "\n")
    }
    assert.match(
      Missing.sentence(notFound("Cannot find package '@effect/cli/Command' imported from /a.js")) ?? "",
      /^the package @effect\/cli is/
    )
  })

  it("is not what is said of anything else", () => {
    for (
      const cause of [
        undefined,
        "ERR_MODULE_NOT_FOUND",
        new Error("Cannot find package 'effect' imported from /a.js"),
        notFound("Cannot find module '/a/b.js' imported from /a.js"),
        Object.assign(new Error("Cannot find package 'effect'"), { code: "ENOENT" })
      ]
    ) {
      assert.isUndefined(Missing.sentence(cause))
    }
  })

  it("is one of all those that the command loads, and that nothing else brings", () => {
    deepStrictEqual(listed().toSorted(), needed().toSorted())
  })

  it("is one of those that this package asks for, or that one of those asks for", () => {
    const asked = new Set(peers(ownPackage))
    for (const name of asked) {
      peers(packageAt(name)).filter((name) => name.startsWith("@effect/")).forEach((peer) => asked.add(peer))
    }
    deepStrictEqual(listed().filter((name) => !asked.has(name)), [])
  })

  it("is installed in a version that those want who ask for it", () => {
    const asking = [ownPackage, ...listed().map(packageAt)]
    for (const [name = "", range = ""] of installed()) {
      const wanted = asking.flatMap(({ peerDependencies = {} }) => peerDependencies[name] ?? [])
      assert.isNotEmpty(wanted, name)
      deepStrictEqual(wanted.filter((each) => !each.startsWith(`${range}.`)), [], name)
    }
  })

  it("is not needed to say so", () => {
    deepStrictEqual(specifiersOf(join(root, "src/cli/Missing.ts")), [])
    deepStrictEqual(
      specifiersOf(join(root, "src/cli/main.ts")).filter((specifier) => specifier !== "./Run.js"),
      ["./Missing.js"]
    )
  })
})
