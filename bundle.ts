/**
 * Builds the command: a few files in `dist/cli` with everything that it loads. So `npx effect-tus` needs no other
 * packages, and starts in a third of the time. Outside stay native modules, one of which is a dependency of the package,
 * and what a server uses if it is installed: better-sqlite3, and the drivers of PostgreSQL and S3.
 *
 * The code is not minified, because that does not make it start faster. It has no source map, because a stack already
 * points at readable code.
 */
import { build } from "esbuild"
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import Process from "node:process"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL(".", import.meta.url))
const directory = join(root, "dist/cli")
const notices = "LICENSES.txt"

// One package loads modules of Node by `require`, which ES modules do not have.
const banner = `import { createRequire as createRequireOfBundle } from "node:module"
const require = createRequireOfBundle(import.meta.url)`

export const bundle = async (): Promise<void> => {
  const { metafile: { outputs } } = await build({
    absWorkingDir: root,
    entryPoints: ["src/cli/main.ts"],
    outdir: directory,
    bundle: true,
    // Only a server loads what a server needs.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    external: [
      "@node-rs/crc32",
      "better-sqlite3",
      "pg",
      "pg-connection-string",
      "pg-cursor",
      "pg-types",
      "@aws-sdk/client-s3"
    ],
    banner: { js: banner },
    metafile: true,
    logLevel: "warning"
  })
  writeFileSync(join(directory, notices), licenses(Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs))))
  const made = new Set([notices, ...Object.keys(outputs).map((path) => basename(path))])
  readdirSync(directory).filter((name) => !made.has(name)).forEach((name) =>
    rmSync(join(directory, name), { recursive: true })
  )
}

/** The licenses of the bundled packages, which ask to be included in copies. */
const licenses = (paths: ReadonlyArray<string>) => {
  const packages = new Set(paths.flatMap((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []))
  return [...packages].toSorted().map((path) => {
    const { license, name, version } = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8"))
    const file = readdirSync(join(root, path)).find((name) => /^licen[cs]e/i.test(name))
    if (file === undefined) {
      throw new Error(`${name} has no text of its license`)
    }
    return `${name} ${version} (${license})\n\n${readFileSync(join(root, path, file), "utf8").trim()}\n`
  }).join(`\n${"-".repeat(80)}\n\n`)
}

if (Process.argv[1] === fileURLToPath(import.meta.url)) {
  await bundle()
}
