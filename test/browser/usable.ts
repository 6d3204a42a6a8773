/**
 * What can be told by machine of whether a page is usable: names, contrast, order of headings, and what else axe knows.
 */
import type * as Axe from "axe-core"
import * as Effect from "effect/Effect"
import { createRequire } from "node:module"
import type { Page } from "playwright-core"

declare const axe: typeof Axe

const script = createRequire(import.meta.url).resolve("axe-core/axe.min.js")

/** What is wrong with the page as it is, and where. */
export const violations = (page: Page) =>
  Effect.promise(async () => {
    await page.addScriptTag({ path: script })
    const found = await page.evaluate(async () => (await axe.run()).violations)
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`)
  })
