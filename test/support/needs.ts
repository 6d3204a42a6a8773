/**
 * A suite that needs tools. If one is missing, the suite is skipped, and the report at the end says how to install the
 * tool. If CI is set, the suite fails.
 */
import { assert, describe, it } from "@effect/vitest"
import type { TestOptions } from "vitest"
import { isThere, type Name, tools } from "./tools.js"

declare module "vitest" {
  interface TaskMeta {
    /** The tools for want of which the suite was skipped. */
    missing?: ReadonlyArray<Name>
  }
}

/** `needs("strace")("a power cut", () => { ... })` is a `describe`. */
export const needs =
  (...names: ReadonlyArray<Name>) => (title: string, tests: () => void, options: TestOptions = {}): void => {
    const missing = names.filter((name) => !isThere(name))
    if (missing.length === 0) {
      describe(title, options, tests)
    } else if (process.env.CI === undefined) {
      const { suite } = describe.skip(title, options, tests)
      Object.assign(suite?.meta ?? {}, { missing })
    } else {
      describe(
        title,
        () =>
          missing.forEach((name) => it(`needs ${name}`, () => assert.fail(`${name} is missing: ${tools[name].help}`)))
      )
    }
  }
