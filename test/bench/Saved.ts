/**
 * What was measured, for machines: `results.json`, and what is drawn and written from it.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { cpus, release } from "node:os"
import { fileURLToPath } from "node:url"
import * as Chart from "./Chart.js"
import type { Result } from "./Report.js"
import * as Tables from "./Tables.js"

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const versionOf = (name: string, under: string) =>
  (JSON.parse(readFileSync(local(`${under}/node_modules/${name}/package.json`), "utf8")) as { version: string }).version

const readSaved = (): ReadonlyArray<Result> =>
  existsSync(local("./results.json"))
    ? (JSON.parse(readFileSync(local("./results.json"), "utf8")) as { readonly results: ReadonlyArray<Result> }).results
    : []

/**
 * Everything as JSON, and the chart and the tables of `README.md` here. What was not measured now is kept as it was
 * saved.
 */
export const save = (measured: ReadonlyArray<Result>, names: ReadonlyArray<string>) => {
  const before = readSaved()
  const results = names.flatMap((name) =>
    [measured, before].flatMap((some) => some.filter((result) => result.name === name)).slice(0, 1)
  )
  const machine = {
    processor: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
    linux: release().split("-")[0],
    node: process.version,
    peers: {
      "@tus/server": versionOf("@tus/server", "../peers"),
      "@tus/file-store": versionOf("@tus/file-store", "../peers"),
      "tus-js-client": versionOf("tus-js-client", "../..")
    }
  }
  writeFileSync(local("./results.json"), `${JSON.stringify({ machine, results }, undefined, 2)}\n`)
  writeFileSync(local("./chart.svg"), Chart.render(results, `${machine.processor}, Node ${machine.node}`))
  const readme = local("./README.md")
  writeFileSync(readme, Tables.fill(readFileSync(readme, "utf8"), results))
}
