/**
 * Automatic checks of accessibility: names, contrast, order of headings, and the rules of axe.
 */
import type * as Axe from "axe-core"
import * as Effect from "effect/Effect"
import { createRequire } from "node:module"
import type { Page } from "playwright-core"

declare const axe: typeof Axe

const script = createRequire(import.meta.url).resolve("axe-core/axe.min.js")

/** Violations on the current page, and where. */
export const violations = (page: Page) =>
  Effect.promise(async () => {
    await page.addScriptTag({ path: script })
    const found = await page.evaluate(async () => (await axe.run()).violations)
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`)
  })
