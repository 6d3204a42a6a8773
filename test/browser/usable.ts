/**
 * What can be told by machine of whether a page is usable: names for those who hear it, contrast for those who see it.
 */
/* oxlint-disable unicorn/consistent-function-scoping -- what runs in the page has to bring all of it along. */
import * as Effect from "effect/Effect"
import type { Page } from "playwright-core"

const named = ["button", "link", "textbox", "progressbar", "region", "log", "heading", "image", "img"]

/** What can be used or stands for something in the accessibility tree, and has no name. */
export const nameless = (page: Page) =>
  Effect.promise(async () => {
    const session = await page.context().newCDPSession(page)
    const { nodes } = await session.send("Accessibility.getFullAXTree")
    const shown = nodes.filter(({ ignored }) => !ignored)
    const isFocusable = (node: typeof nodes[number]) =>
      node.properties?.some(({ name, value }) => name === "focusable" && value.value === true) === true
    return shown
      .filter((node) => node.role?.value !== "RootWebArea")
      .filter((node) => isFocusable(node) || named.includes(String(node.role?.value)))
      .filter(({ name }) => String(name?.value ?? "").trim() === "")
      .map(({ role }) => role?.value)
  })

/**
 * How text stands out from what is behind it, for everything that has text.
 *
 * @see https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
 */
export const contrasts = (page: Page) =>
  Effect.promise(() =>
    page.evaluate(() => {
      const numbers = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number)
      const luminance = (color: string) => {
        const [red = 0, green = 0, blue = 0] = numbers(color).map((part) => {
          const level = part / 255
          return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4
        })
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue
      }
      const behind = (element: Element | null): string => {
        const color = element === null ? "rgb(255, 255, 255)" : getComputedStyle(element).backgroundColor
        return numbers(color)[3] === 0 ? behind(element?.parentElement ?? null) : color
      }
      const hasText = (element: Element) =>
        [...element.childNodes].some(({ nodeType, textContent }) =>
          nodeType === Node.TEXT_NODE && textContent?.trim() !== ""
        )
      return [...document.body.querySelectorAll("*")]
        .filter((element) => hasText(element) && element.getClientRects().length > 0)
        .map((element) => {
          const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))]
          return {
            text: element.textContent?.trim(),
            ratio: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
          }
        })
    })
  )
