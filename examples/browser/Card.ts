/**
 * How one upload looks, and the buttons on it. Knows nothing of how uploads are made.
 */
import * as Dom from "./Dom.js"
import type { Upload } from "./Upload.js"
import * as Words from "./Words.js"

export interface Card {
  readonly element: HTMLElement
  readonly show: (upload: Upload, online: boolean) => void
  /** Opens the browser's window to choose a file. */
  readonly choose: () => void
}

export interface Handlers {
  /** The first button: pause, resume, and what else there is to do. */
  readonly onAct: () => void
  /** The second: cancel, or remove. */
  readonly onEnd: () => void
  readonly onFile: (file: File) => void
}

export const make = ({ onAct, onEnd, onFile }: Handlers): Card => {
  const template = Dom.find(document, "#upload", HTMLTemplateElement)
  const element = Dom.find(document.importNode(template.content, true), "li", HTMLElement)
  const name = Dom.find(element, "h3", HTMLElement)
  const state = Dom.find(element, ".state", HTMLElement)
  const bar = Dom.find(element, "progress", HTMLProgressElement)
  const figures = Dom.find(element, ".figures", HTMLElement)
  const note = Dom.find(element, ".note", HTMLElement)
  const act = Dom.find(element, ".act", HTMLButtonElement)
  const end = Dom.find(element, ".end", HTMLButtonElement)
  const input = Dom.find(element, "input", HTMLInputElement)

  act.addEventListener("click", onAct)
  end.addEventListener("click", onEnd)
  input.addEventListener("change", () => {
    Array.from(input.files ?? []).forEach(onFile)
    // The same file again is a change, too.
    input.value = ""
  })

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
      bar.max = Math.max(upload.total, 1)
      bar.value = isDone ? bar.max : upload.sent
      bar.setAttribute("aria-label", upload.name)
      bar.setAttribute("aria-valuetext", `${isDone ? 100 : Words.percent(upload.sent, upload.total)} %`)
      Dom.say(figures, Words.figures(upload))
      Dom.say(note, Words.note(upload, look))
      label(act, Words.action(upload.state), upload.name)
      label(end, isDone ? "Remove" : "Cancel", upload.name)
      // Whoever was on a button that vanishes is on the other one.
      if (isDone && document.activeElement === act) {
        end.focus()
      }
      act.hidden = isDone
    }
  }
}

/** Of several buttons with the same word, each says for which file it is. */
const label = (button: HTMLButtonElement, verb: string, of: string) => {
  Dom.say(button, verb)
  button.setAttribute("aria-label", `${verb} ${of}`)
}
