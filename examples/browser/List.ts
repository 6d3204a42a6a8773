/**
 * The order of the cards: active uploads are on top. From nine uploads on, cards become rows and completed uploads are
 * folded away.
 */
import * as Dom from "./Dom.js"
import type { State } from "./Upload.js"

export interface Placed {
  readonly element: HTMLElement
  readonly state: State
}

const most = 8

const uploads = Dom.find(document, "#uploads", HTMLElement)
const folded = Dom.find(document, "#folded", HTMLDetailsElement)
const done = Dom.find(folded, "ul", HTMLElement)
const count = Dom.find(folded, "summary", HTMLElement)

const ranks: Readonly<Record<State, number>> = {
  Starting: 0,
  Uploading: 0,
  Retrying: 0,
  Failed: 1,
  Lost: 1,
  Paused: 1,
  Waiting: 2,
  Done: 3
}

/** Shows all uploads in their order; those of the same rank in the order in which they came. */
export const arrange = (all: ReadonlyArray<Placed>): void => {
  const isLong = all.length > most
  const sorted = all.toSorted((one, other) => ranks[one.state] - ranks[other.state])
  const away = isLong ? sorted.filter(({ state }) => state === "Done") : []
  document.body.classList.toggle("long", isLong)
  folded.hidden = away.length === 0
  Dom.say(count, `${away.length} done`)
  fill(uploads, sorted.slice(0, sorted.length - away.length))
  fill(done, away)
}

/** Moves only elements that are at another place, so that the focus stays. */
const fill = (list: HTMLElement, placed: ReadonlyArray<Placed>) => {
  const focused = document.activeElement
  let next = list.firstElementChild
  for (const { element } of placed) {
    if (element === next) {
      next = next.nextElementSibling
    } else {
      list.insertBefore(element, next)
    }
  }
  while (next !== null) {
    const rest = next
    next = rest.nextElementSibling
    rest.remove()
  }
  if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) {
    focused.focus()
  }
}
