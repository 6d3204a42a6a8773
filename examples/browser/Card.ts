/**
 * The card of one upload and its buttons. Knows nothing about how uploads are made.
 */
import * as Option from "effect/Option"
import * as Dom from "./Dom.js"
import type { Upload } from "./Upload.js"
import * as Words from "./Words.js"

export interface Card {
  readonly element: HTMLElement
  readonly show: (upload: Upload, online: boolean) => void
  /** Opens the browser's dialog to choose a file. */
  readonly choose: () => void
}

export interface Handlers {
  /** The first button: pause, resume, choose a file, or try again. */
  readonly onAct: () => void
  /** Tries again now. */
  readonly onNow: () => void
  /** The last button: cancel, or remove. */
  readonly onEnd: () => void
  readonly onFile: (file: File) => void
}

export const make = ({ onAct, onEnd, onFile, onNow }: Handlers): Card => {
  const template = Dom.find(document, "#upload", HTMLTemplateElement)
  const element = Dom.find(document.importNode(template.content, true), "li", HTMLElement)
  const name = Dom.find(element, "h3", HTMLElement)
  const state = Dom.find(element, ".state", HTMLElement)
  const bar = Dom.find(element, "progress", HTMLProgressElement)
  const figures = Dom.find(element, ".figures", HTMLElement)
  const note = Dom.find(element, ".note span", HTMLElement)
  const link = Dom.find(element, ".note a", HTMLAnchorElement)
  const now = Dom.find(element, ".now", HTMLButtonElement)
  const act = Dom.find(element, ".act", HTMLButtonElement)
  const end = Dom.find(element, ".end", HTMLButtonElement)
  const input = Dom.find(element, "input", HTMLInputElement)

  act.addEventListener("click", onAct)
  now.addEventListener("click", onNow)
  end.addEventListener("click", onEnd)
  input.addEventListener("change", () => {
    Array.from(input.files ?? []).forEach(onFile)
    // Choosing the same file again should fire `change`, too.
    input.value = ""
  })

  const showLink = ({ name, state, url }: Upload) => {
    link.hidden = state !== "Done" || Option.isNone(url)
    if (!link.hidden) {
      link.href = Option.getOrElse(url, () => "")
      link.download = name
      Dom.say(link, link.href)
      link.setAttribute("aria-label", `Download ${name} from ${link.href}`)
    }
  }

  return {
    element,
    choose: () => input.click(),
    show: (upload, online) => {
      const look = Words.look(upload, online)
      const isDone = upload.state === "Done"
      element.dataset.state = look
      Dom.say(name, upload.name)
      name.title = upload.name
      Dom.say(state, Words.state(look))
      // A completed upload needs no bar: that of an empty file would be wrong.
      bar.hidden = isDone
      bar.max = Math.max(upload.total, 1)
      bar.value = upload.sent
      bar.setAttribute("aria-label", upload.name)
      bar.setAttribute("aria-valuetext", `${Words.percent(upload.sent, upload.total)} %`)
      Dom.say(figures, Words.figures(upload))
      Dom.say(note, Words.note(upload, look))
      showLink(upload)
      label(act, [Words.action(upload)], upload.name)
      label(now, ["Try now"], upload.name)
      label(end, Words.ending(upload), upload.name)
      hide(act, isDone, end)
      hide(now, look !== "Retrying" || Option.isNone(upload.wait), act)
    }
  }
}

/**
 * Screen readers also get the file name, since many buttons have the same text. On narrow screens only the first word
 * is shown.
 */
const label = (button: HTMLButtonElement, [verb = "", rest = ""]: ReadonlyArray<string>, of: string) => {
  Dom.say(Dom.find(button, "span", HTMLElement), verb)
  Dom.say(Dom.find(button, "span + span", HTMLElement), rest === "" ? "" : ` ${rest}`)
  const words = rest === "" ? verb : `${verb} ${rest}`
  button.title = rest === "" ? "" : words
  button.setAttribute("aria-label", `${words}: ${of}`)
}

/** If the focused button disappears, another one gets the focus. */
const hide = (button: HTMLButtonElement, hidden: boolean, other: HTMLButtonElement) => {
  if (hidden && document.activeElement === button) {
    other.focus()
  }
  button.hidden = hidden
}
