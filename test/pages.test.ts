/**
 * The documentation: its links work, in the repository and in the npm package, and its programs compile.
 */
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import { check, programsOf } from "./programs.js"

const root = fileURLToPath(new URL("..", import.meta.url))

const read = (file: string) => readFileSync(join(root, file), "utf8")

/** Every page of the repository. */
const pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].concat(
  ["examples", "src", "test"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
      .map((name) => join(folder, name))
  )
)

/** The files that npm would publish. They are listed without a build, because no page links to `dist`. */
const published = new Set(
  (JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"]
  })) as ReadonlyArray<{ readonly files: ReadonlyArray<{ readonly path: string }> }>)
    .flatMap(({ files }) => files.map(({ path }) => path))
)

interface Link {
  readonly file: string
  readonly anchor: string | undefined
}

/** The links and pictures of a page, except those to other sites. Links inside code do not count. */
const linksOf = (page: string, text: string): ReadonlyArray<Link> =>
  Array.from(
    text.replace(/^```[^]*?^```$/gm, "").replace(/`[^`\n]*`/g, "").matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)/g),
    ([, path = "", anchor]) => ({ file: path === "" ? page : normalize(join(dirname(page), path)), anchor })
  )

/** The anchors that GitHub and npm make from headings. */
const anchorsOf = (text: string): ReadonlyArray<string> =>
  Array.from(
    text.replace(/^```[^]*?^```$/gm, "").matchAll(/^#+ (.*)$/gm),
    ([, heading = ""]) => heading.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
  )

const brokenLinks = (page: string, text: string): ReadonlyArray<string> =>
  linksOf(page, text).flatMap(({ anchor, file }) => {
    const exists = existsSync(join(root, file))
    const found = anchor === undefined || (exists && anchorsOf(file === page ? text : read(file)).includes(anchor))
    return exists && found ? [] : [`${page}: ${file}${anchor === undefined ? "" : `#${anchor}`}`]
  })

/** Links from published pages to files that are not published. */
const unpublishedLinks = (page: string, text: string): ReadonlyArray<string> =>
  linksOf(page, text).flatMap(({ file }) => published.has(file) ? [] : [`${page}: ${file}`])

/** The files that a test's name in a page may mean. The exported suites are in `src`. */
const places = (name: string) => [`test/${name}.test.ts`, `test/${name}.ts`, `test/${name}`, `src/${name}.ts`]

describe("pages", () => {
  it("have links that lead to a file and a heading", () => {
    assert.isAbove(pages.flatMap((page) => linksOf(page, read(page))).length, 50)
    assert.strictEqual(pages.flatMap((page) => brokenLinks(page, read(page))).join("\n"), "")
  })

  it("have links that also work in the package", () => {
    assert.isTrue(published.has("README.md"))
    const guilty = pages.filter((page) => published.has(page)).flatMap((page) => unpublishedLinks(page, read(page)))
    assert.strictEqual(guilty.join("\n"), "")
  })

  it("name existing files of the source", () => {
    const text = read("src/README.md")
    const named = Array.from(text.matchAll(/`((?:[\w-]+\/)+\w+\.ts)`/g), ([, name = ""]) => name)
    assert.isAbove(named.length, 25)
    assert.strictEqual(named.filter((name) => !existsSync(join(root, "src", name))).join(), "")
  })

  it("name existing tests", () => {
    const rows = read("test/README.md").match(/^\|.*\|$/gm) ?? []
    const named = rows.flatMap((row) =>
      Array.from((row.split("|")[2] ?? "").matchAll(/`([\w-]+(?:\/[\w-]+)+)`/g), ([, name = ""]) => name)
    )
    assert.isAbove(named.length, 100)
    const missing = named.filter((name) => !places(name).some((place) => existsSync(join(root, place))))
    assert.strictEqual(missing.join(), "")
  })

  it("would fail with a broken link", () => {
    const text = "# A b\n[a](nowhere.md) [b](#a-b) [c](#c) ![d](test/docs.test.ts) `[e](e)`\n"
    assert.strictEqual(brokenLinks("README.md", text).join(), "README.md: nowhere.md,README.md: README.md#c")
    assert.strictEqual(
      unpublishedLinks("README.md", text).join(),
      "README.md: nowhere.md,README.md: test/docs.test.ts"
    )
  })

  it("show programs that compile", () => {
    const programs = pages.flatMap((page) => programsOf(page, read(page)))
    assert.isAbove(programs.length, 12)
    assert.strictEqual(check(programs), "")
  }, 300_000)

  it("would fail with a program that does not compile", () => {
    const text = "```ts\nimport { NodeTusServer } from \"effect-tus/node\"\n\nNodeTusServer.layer({ dir: \"\" })\n```\n"
    assert.match(check(programsOf("README.md", text)), /^README\.md:4: .*'dir' does not exist/)
  }, 300_000)
})
