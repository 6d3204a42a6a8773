/**
 * Programs in pages and docstrings, and whether they compile.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

export interface Program {
  /** The file that shows the program, and the line at which it begins. */
  readonly file: string
  readonly line: number
  readonly text: string
}

/** The blocks of a page that are marked as TypeScript. */
export const programsOf = (file: string, page: string): ReadonlyArray<Program> =>
  Array.from(page.matchAll(/^```ts\n([^]*?)^```$/gm), ({ 1: text = "", index }) => ({
    file,
    line: page.slice(0, index).split("\n").length + 1,
    text
  }))

/** The examples of docstrings. Each is a block that is marked as TypeScript. */
export const examplesOf = (file: string, source: string): ReadonlyArray<Program> =>
  Array.from(
    source.matchAll(/^ *\* @example\n *\* ```ts\n((?: *\*(?! ```).*\n)*) *\* ```$/gm),
    ({ 1: text = "", index }) => ({
      file,
      line: source.slice(0, index).split("\n").length + 2,
      text: text.replace(/^ *\* ?/gm, "")
    })
  )

/**
 * The errors of the compiler, each at the line of the page or source. One run compiles all programs, each as a file.
 */
export const check = (programs: ReadonlyArray<Program>): string => {
  const directory = mkdtempSync(join(tmpdir(), "effect-tus-programs-"))
  try {
    symlinkSync(join(root, "node_modules"), join(directory, "node_modules"))
    writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }))
    writeFileSync(
      join(directory, "tsconfig.json"),
      JSON.stringify({
        extends: join(root, "tsconfig.json"),
        compilerOptions: {
          noUnusedLocals: false,
          paths: { "effect-tus": [join(root, "src/index.ts")], "effect-tus/*": [join(root, "src/*/index.ts")] }
        },
        include: ["programs", join(root, "src/**/*.d.ts")],
        exclude: []
      })
    )
    mkdirSync(join(directory, "programs"))
    programs.forEach(({ text }, at) => writeFileSync(join(directory, `programs/${at}.ts`), text))
    execFileSync(join(root, "node_modules/.bin/tsc"), ["--project", directory, "--pretty", "false"], {
      cwd: directory,
      stdio: "pipe"
    })
    return ""
  } catch (error) {
    const said = String((error as { readonly stdout: Buffer }).stdout)
    return said.replace(/^programs\/(\d+)\.ts\((\d+),\d+\)/gm, (_, at: string, line: string) => {
      const program = programs[Number(at)]
      return `${program?.file}:${Number(program?.line) + Number(line) - 1}`
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
}
