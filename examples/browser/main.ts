/**
 * The page: files are dropped or chosen, each has a card, and unfinished uploads of earlier visits appear again.
 */
import { BrowserTusClient } from "effect-tus/browser-client"
import { TusUpload, UploadJournal, UploadSource } from "effect-tus/client"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Card from "./Card.js"
import * as Chosen from "./Chosen.js"
import * as Dom from "./Dom.js"
import * as Handles from "./Handles.js"
import * as List from "./List.js"
import * as Summary from "./Summary.js"
import * as Transfer from "./Transfer.js"
import * as Upload from "./Upload.js"
import * as Words from "./Words.js"

interface Item {
  readonly transfer: Transfer.Transfer
  readonly card: Card.Card
  /** The key by which the file is found after a reload. */
  kept: Handles.Kept | undefined
}

const form = Dom.find(document, "form", HTMLFormElement)
const input = Dom.find(form, "input", HTMLInputElement)
const told = Dom.find(document, "#told", HTMLElement)
const missing = Dom.find(document, "#missing", HTMLElement)

const settings: Transfer.Settings = { endpoint: form.action, slots: Effect.unsafeMakeSemaphore(3) }
const runtime = ManagedRuntime.make(BrowserTusClient.layer())
const items = new Set<Item>()

/** For screen readers. */
const tell = (text: string) => {
  const line = document.createElement("p")
  line.textContent = text
  told.append(line)
}

const uploadOf = ({ transfer }: Item) => transfer.upload()

const isDone = (item: Item) => uploadOf(item).state === "Done"

const summarize = Summary.make({
  onPause: () => items.forEach((item) => Upload.isActive(uploadOf(item)) && runtime.runFork(item.transfer.pause)),
  onResume: () => items.forEach((item) => uploadOf(item).state === "Paused" && runtime.runFork(item.transfer.resume)),
  onClear: () => [...items].filter(isDone).forEach(remove)
})

/** The page is drawn at most once per frame. */
let isStale = false
const draw = () => {
  if (!isStale) {
    isStale = true
    requestAnimationFrame(() => {
      isStale = false
      List.arrange([...items].map((item) => ({ element: item.card.element, state: uploadOf(item).state })))
      summarize([...items].map(uploadOf))
    })
  }
}

const add = (first: Transfer.First, kept?: Handles.Kept): Item => {
  let last = first.upload.state
  const transfer = Transfer.make(settings, first, (upload) => {
    card.show(upload, navigator.onLine)
    draw()
    if (upload.state !== last && upload.state !== "Starting") {
      tell(`${upload.name}: ${Words.state(upload.state)}. ${Words.note(upload, upload.state)}`)
    }
    if (upload.state === "Done" && last !== "Done") {
      forget(item)
    }
    last = upload.state
  })
  const card = Card.make({
    onAct: () => act(item),
    onNow: () => runtime.runFork(transfer.hurry),
    onEnd: () => remove(item),
    onFile: (file) => runtime.runFork(attach(item, file))
  })
  const item: Item = { transfer, card, kept }
  card.show(first.upload, navigator.onLine)
  items.add(item)
  draw()
  return item
}

const act = (item: Item) => {
  const upload = uploadOf(item)
  return upload.state !== "Lost"
    ? runtime.runFork(Upload.isActive(upload) ? item.transfer.pause : item.transfer.resume)
    : upload.isKept && item.kept?.handle !== undefined
    ? runtime.runFork(reopen(item, item.kept.handle))
    : item.card.choose()
}

const remove = (item: Item) => {
  const { card: { element }, transfer } = item
  const next = element.nextElementSibling ?? element.previousElementSibling
  const button = next?.querySelector<HTMLElement>("button:not([hidden])") ?? input
  items.delete(item)
  element.remove()
  button.focus()
  draw()
  tell(`${transfer.upload().name}: removed`)
  forget(item)
  runtime.runFork(transfer.cancel)
}

const forget = (item: Item) => {
  if (item.kept !== undefined) {
    runtime.runFork(Handles.forget(item.kept))
    item.kept = undefined
  }
}

const findItem = (file: File) =>
  Effect.suspend(() => {
    const item = (previous: ReadonlyArray<UploadJournal.JournalEntry>) =>
      [...items].find(({ transfer }) => transfer.isOf(file, previous))
    const known = item([])
    // Only uploads of earlier visits have to be found by the content of the file.
    return known !== undefined || ![...items].some((item) => uploadOf(item).state === "Lost")
      ? Effect.succeed(known)
      : TusUpload.findPrevious({ endpoint: settings.endpoint, source: UploadSource.fromBlob(file) }).pipe(
        // A file that cannot be read fails when it is uploaded.
        Effect.orElseSucceed(() => []),
        Effect.map(item)
      )
  })

/** Continues the upload that the file belongs to, or begins one. */
const take = ({ file, handle }: Chosen.Chosen) =>
  Effect.gen(function*() {
    const item = (yield* findItem(file)) ?? add({ upload: Upload.ofFile(file) })
    yield* item.transfer.start(file)
    // Not awaited, so that all files are in the list at once.
    yield* Effect.forkDaemon(Effect.flatMap(Handles.keep(file, handle), (kept) => keep(item, kept)))
  })

const keep = (item: Item, kept: Handles.Kept): Effect.Effect<void> => {
  if (isDone(item) || !items.has(item)) {
    return Handles.forget(kept)
  }
  item.kept = kept
  return Effect.void
}

/** Continues this upload if the file belongs to it. */
const attach = ({ transfer }: Item, file: File) =>
  Effect.flatMap(
    findItem(file),
    (found) => found?.transfer === transfer ? transfer.start(file) : transfer.decline(file)
  )

/** The same with the file of its handle. */
const reopen = (item: Item, handle: Handles.FileHandle) =>
  Effect.flatMap(
    Handles.open(handle),
    Option.match({
      onNone: () => item.transfer.miss,
      onSome: (file) => attach(item, Chosen.named(file, uploadOf(item).name))
    })
  )

const takeAll = (chosen: Effect.Effect<ReadonlyArray<Chosen.Chosen>, Error>) =>
  runtime.runFork(
    Effect.flatMap(chosen, Effect.forEach(take)).pipe(
      Effect.catchAll(({ message }) => Effect.logWarning(`The dropped files cannot be read: ${message}`))
    )
  )

input.addEventListener("click", (event) => {
  const picked = Chosen.pick()
  if (Option.isSome(picked)) {
    event.preventDefault()
    takeAll(picked.value)
  }
})
input.addEventListener("change", () => {
  takeAll(Effect.succeed(Array.from(input.files ?? [], Chosen.ofFile)))
  // Choosing the same file again should fire `change`, too.
  input.value = ""
})

const drag = (over: boolean) => document.body.classList.toggle("dragging", over)

document.addEventListener("dragover", (event) => {
  event.preventDefault()
  drag(event.dataTransfer?.types.includes("Files") === true)
})
document.addEventListener("dragleave", ({ relatedTarget }) => drag(relatedTarget !== null))
document.addEventListener("drop", (event) => {
  event.preventDefault()
  drag(false)
  if (event.dataTransfer !== null) {
    takeAll(Chosen.dropped(event.dataTransfer))
  }
})

const onNetwork = () => items.forEach((item) => item.card.show(uploadOf(item), navigator.onLine))

addEventListener("online", () => {
  onNetwork()
  tell("Online again")
})
addEventListener("offline", () => {
  onNetwork()
  tell("Offline")
})

Dom.say(Dom.find(document, "#endpoint", HTMLElement), settings.endpoint)
Dom.find(missing, "button", HTMLButtonElement).addEventListener("click", () => {
  missing.hidden = true
  input.focus()
})

/** Parts of parallel uploads are no files; this page makes none. */
const isWhole = ({ endpoint, start }: UploadJournal.JournalEntry) => endpoint === settings.endpoint && start === 0

/** Files that the browser cannot read again are listed. */
const tellMissing = (names: ReadonlyArray<string>) => {
  if (names.length > 0) {
    missing.hidden = false
    Dom.say(Dom.find(missing, "p", HTMLElement), Words.missing(names))
  }
}

runtime.runFork(Effect.gen(function*() {
  const journal = yield* UploadJournal.UploadJournal
  const entries = (yield* journal.list).filter(isWhole).toReversed()
  const left = new Set(yield* Handles.all)
  const found = entries.map((entry) => {
    const kept = [...left].find(({ name, size }) => name === entry.source && size === entry.length)
    return left.delete(kept as Handles.Kept)
      ? add({ upload: Upload.ofEntry(entry, kept?.handle !== undefined) }, kept)
      : add({ upload: Upload.ofEntry(entry, false) })
  })
  const [lost, kept] = [
    [...left].filter(({ handle }) => handle === undefined),
    [...left].filter(({ handle }) => handle)
  ]
  kept.forEach((kept) => add({ upload: Upload.ofKept(kept), kept }, kept))
  tellMissing(lost.map(({ name }) => name))
  yield* Effect.forEach(lost, Handles.forget)
  yield* Effect.forEach(found, ({ transfer }) => transfer.ask, { concurrency: 3 })
}))
