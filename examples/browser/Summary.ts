/**
 * The summary of all uploads, on the page and in the title of its tab, and the buttons for all of them.
 */
import * as Dom from "./Dom.js"
import * as Totals from "./Totals.js"
import type { Upload } from "./Upload.js"
import * as Words from "./Words.js"

export interface Handlers {
  readonly onPause: () => void
  readonly onResume: () => void
  readonly onClear: () => void
}

export const make = ({ onClear, onPause, onResume }: Handlers) => {
  const element = Dom.find(document, "#total", HTMLElement)
  const line = Dom.find(element, "p", HTMLElement)
  const bar = Dom.find(element, "progress", HTMLProgressElement)
  const all = Dom.find(element, ".all", HTMLButtonElement)
  const clear = Dom.find(element, ".clear", HTMLButtonElement)
  const name = document.title
  let pauses = true

  all.addEventListener("click", () => pauses ? onPause() : onResume())
  clear.addEventListener("click", onClear)

  /** A single upload needs no summary: its card is enough. */
  return (uploads: ReadonlyArray<Upload>): void => {
    const totals = Totals.of(uploads)
    document.title = Words.title(totals, name)
    element.hidden = totals.count < 2
    pauses = totals.active > 0
    Dom.say(line, Words.totals(totals))
    bar.max = Math.max(totals.total, 1)
    bar.value = totals.done === totals.count ? bar.max : totals.sent
    bar.setAttribute(
      "aria-valuetext",
      `${totals.done === totals.count ? 100 : Words.percent(totals.sent, totals.total)} %`
    )
    Dom.say(all, pauses ? "Pause all" : "Resume all")
    all.hidden = totals.active + totals.paused === 0
    clear.hidden = totals.done === 0
  }
}
