/**
 * The page: files come in by drop or choice, each has a card, and what earlier visits left unfinished is there again.
 */
import { BrowserTusClient } from "effect-tus/browser-client"
import { TusUpload, UploadJournal, UploadSource } from "effect-tus/client"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Card from "./Card.js"
import * as Dom from "./Dom.js"
import * as Dropped from "./Dropped.js"
import * as Transfer from "./Transfer.js"
import * as Upload from "./Upload.js"
import * as Words from "./Words.js"

interface Item {
  readonly transfer: Transfer.Transfer
  readonly card: Card.Card
}

const form = Dom.find(document, "form", HTMLFormElement)
const input = Dom.find(form, "input", HTMLInputElement)
const list = Dom.find(document, "#uploads", HTMLElement)
const told = Dom.find(document, "#told", HTMLElement)

const settings: Transfer.Settings = { endpoint: form.action, slots: Effect.unsafeMakeSemaphore(3) }
const runtime = ManagedRuntime.make(BrowserTusClient.layer())
const items = new Set<Item>()

/** For those who cannot see it. */
const tell = (text: string) => {
  const line = document.createElement("p")
  line.textContent = text
  told.append(line)
}

const add = (first: Upload.Upload): Item => {
  let last = first.state
  const transfer = Transfer.make(settings, first, (upload) => {
    card.show(upload, navigator.onLine)
    if (upload.state !== last && upload.state !== "Starting") {
      tell(`${upload.name}: ${Words.state(upload.state)}. ${Words.note(upload, upload.state)}`)
    }
    last = upload.state
  })
  const card = Card.make({
    onAct: () => {
      const upload = transfer.upload()
      return upload.state === "Lost"
        ? card.choose()
        : runtime.runFork(Upload.isActive(upload) ? transfer.pause : transfer.resume)
    },
    onEnd: () => remove(item),
    onFile: (file) => runtime.runFork(attach(item, file))
  })
  const item = { transfer, card }
  card.show(first, navigator.onLine)
  items.add(item)
  list.prepend(card.element)
  return item
}

const remove = (item: Item) => {
  const { card: { element }, transfer } = item
  const next = element.nextElementSibling ?? element.previousElementSibling
  const button = next?.querySelector<HTMLElement>("button:not([hidden])") ?? input
  items.delete(item)
  element.remove()
  button.focus()
  tell(`${transfer.upload().name}: removed`)
  runtime.runFork(transfer.cancel)
}

const findItem = (file: File) =>
  TusUpload.findPrevious({ endpoint: settings.endpoint, source: UploadSource.fromBlob(file) }).pipe(
    // A file that cannot be read says so when it is uploaded.
    Effect.orElseSucceed(() => []),
    Effect.map((previous) => [...items].find(({ transfer }) => transfer.isOf(file, previous)))
  )

/** Goes on with the upload that the file belongs to, or begins one. */
const take = (file: File) =>
  Effect.flatMap(findItem(file), (item) => (item ?? add(Upload.ofFile(file))).transfer.start(file))

/** Goes on with this upload, if the file is the one that it needs. */
const attach = ({ transfer }: Item, file: File) =>
  Effect.flatMap(
    findItem(file),
    (found) => found?.transfer === transfer ? transfer.start(file) : transfer.decline(file)
  )

const takeAll = (files: Effect.Effect<ReadonlyArray<File>, Error>) =>
  runtime.runFork(
    Effect.flatMap(files, Effect.forEach(take)).pipe(
      Effect.catchAll(({ message }) => Effect.logWarning(`What was dropped cannot be read: ${message}`))
    )
  )

input.addEventListener("change", () => {
  takeAll(Effect.succeed(Array.from(input.files ?? [])))
  // The same file again is a change, too.
  input.value = ""
})

const drag = (over: boolean) => document.body.classList.toggle("dragging", over)

document.addEventListener("dragover", (event) => {
  event.preventDefault()
  drag(true)
})
document.addEventListener("dragleave", ({ relatedTarget }) => drag(relatedTarget !== null))
document.addEventListener("drop", (event) => {
  event.preventDefault()
  drag(false)
  if (event.dataTransfer !== null) {
    takeAll(Dropped.filesOf(event.dataTransfer))
  }
})

const onNetwork = () => items.forEach(({ card, transfer }) => card.show(transfer.upload(), navigator.onLine))

addEventListener("online", () => {
  onNetwork()
  tell("Online again")
})
addEventListener("offline", () => {
  onNetwork()
  tell("Offline")
})

Dom.say(Dom.find(document, "#endpoint", HTMLElement), settings.endpoint)

/** A part of an upload in parallel is no file of its own; this page makes none. */
const isWhole = ({ endpoint, start }: UploadJournal.Entry) => endpoint === settings.endpoint && start === 0

runtime.runFork(Effect.gen(function*() {
  const journal = yield* UploadJournal.UploadJournal
  const entries = yield* journal.list
  const found = entries.filter(isWhole).toReversed().map((entry) => add(Upload.ofEntry(entry)))
  yield* Effect.forEach(found, ({ transfer }) => transfer.ask, { concurrency: 3 })
}))
