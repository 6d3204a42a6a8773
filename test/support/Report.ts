/**
 * Lists the suites that were skipped for want of a tool, and how to install it. If `SUITES` names a file, appends to it
 * the path of each test file that has run.
 */
import { appendFileSync } from "node:fs"
import { relative } from "node:path"
import type { Reporter, TestModule } from "vitest/node"
import { type Name, tools } from "./tools.js"

const pathOf = ({ moduleId }: TestModule) => relative(process.cwd(), moduleId)

const missingIn = (module: TestModule): ReadonlyArray<Name> =>
  [...module.children.allSuites()].flatMap((suite) => suite.meta().missing ?? [])

const hasRun = (module: TestModule) => [...module.children.allTests("passed")].length > 0

export class Report implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>) {
    for (const [name, { help }] of Object.entries(tools)) {
      const files = modules.filter((module) => missingIn(module).includes(name as Name)).map(pathOf)
      if (files.length > 0) {
        console.error(`Skipped without ${name} (${help}): ${files.toSorted().join(", ")}`)
      }
    }
    const { SUITES } = process.env
    if (SUITES !== undefined) {
      appendFileSync(SUITES, modules.filter(hasRun).map((module) => `${pathOf(module)}\n`).join(""))
    }
  }
}
