/**
 * One upload and its actions. Pause interrupts it; resume starts it again, and the journal knows where it was. Knows
 * nothing about how it is shown.
 */
import { type TusClient, TusUpload, UploadJournal, UploadSource } from "effect-tus/client"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Upload from "./Upload.js"

type Action = Effect.Effect<void, never, TusClient.TusClient>

export interface Transfer {
  readonly upload: () => Upload.Upload
  /** Whether the file belongs to this upload. `previous` is the entry of the journal for it. */
  readonly isOf: (file: File, previous: ReadonlyArray<UploadJournal.JournalEntry>) => boolean
  /** Uploads the file, or the rest of it. Does nothing while it is uploading. */
  readonly start: (file: File) => Action
  /** Asks the server how much it has. */
  readonly ask: Action
  /** The file is not the missing one, or has changed. */
  readonly decline: (file: File) => Action
  /** The browser does not allow the page to read the file. */
  readonly miss: Action
  readonly pause: Action
  /** Tries again now. */
  readonly hurry: Action
  /** Continues with the same file. */
  readonly resume: Action
  /** Ends the upload, and removes it from the server. */
  readonly cancel: Action
}

/** How a transfer begins: with a file, or with what an earlier visit has left. */
export interface First {
  readonly upload: Upload.Upload
  /** The file of an upload that has not started. */
  readonly kept?: { readonly name: string; readonly size: number; readonly modified: number } | undefined
}

export interface Settings {
  readonly endpoint: string
  /** Each running upload holds one permit. */
  readonly slots: Effect.Semaphore
}

export const make = (
  { endpoint, slots }: Settings,
  { kept, upload: first }: First,
  show: (upload: Upload.Upload) => void
): Transfer => {
  /** Actions run one after the other, even if the user clicks fast. */
  const inTurn = Effect.unsafeMakeSemaphore(1).withPermits(1)
  let upload = first
  let source = Option.none<File>()
  let running = Option.none<Fiber.RuntimeFiber<void>>()
  const impatience = Effect.unsafeMakeLatch(false)

  const change = (next: (upload: Upload.Upload) => Upload.Upload) =>
    Effect.sync(() => {
      upload = next(upload)
      show(upload)
    })

  const countDown = (millis: number): Effect.Effect<void> => {
    const seconds = Math.ceil(millis / 1000)
    return millis <= 0 ? Effect.void : change(Upload.countDown(seconds)).pipe(
      Effect.zipRight(Effect.sleep(millis - (seconds - 1) * 1000)),
      Effect.zipRight(Effect.suspend(() => countDown((seconds - 1) * 1000)))
    )
  }

  /** The page waits for the retry, so that it can show the time and the user can skip it. */
  const retry = pace.pipe(
    Schedule.modifyDelayEffect((_, delay) =>
      Effect.as(Effect.raceFirst(impatience.await, countDown(Duration.toMillis(delay))), Duration.zero)
    )
  )

  const run = (file: File): Action =>
    change(Upload.become("Starting")).pipe(
      Effect.zipRight(Stream.runForEach(
        TusUpload.upload({
          endpoint,
          source: UploadSource.fromBlob(file),
          metadata: { filename: file.name, filetype: file.type },
          retry
        }),
        (progress) => change(Upload.advance(progress))
      )),
      slots.withPermits(1),
      Effect.catchAll((error) => change(Upload.become("Failed", error)))
    )

  const start = (file: File): Action =>
    Effect.gen(function*() {
      if (!Upload.isActive(upload) || Option.isNone(source)) {
        source = Option.some(file)
        yield* change(Upload.become("Waiting"))
        running = Option.some(yield* Effect.forkDaemon(run(file)))
      }
    })

  /** The request has ended when this returns. */
  const stop = Effect.suspend(() => Option.match(running, { onNone: () => Effect.void, onSome: Fiber.interrupt }))

  return {
    upload: () => upload,
    isOf: (file, previous) =>
      upload.state !== "Done" &&
      (Option.exists(source, (known) => isSame(known, file)) ||
        Option.exists(upload.url, (url) => previous.some((entry) => entry.url === url)) ||
        (kept !== undefined && Option.isNone(upload.url) &&
          isSame({ name: kept.name, size: kept.size, lastModified: kept.modified }, file))),
    start: (file) => inTurn(start(file)),
    ask: Effect.suspend(() =>
      Option.match(upload.url, {
        onNone: () => Effect.void,
        // An upload that is gone is noticed when it is resumed.
        onSome: (url) =>
          Effect.ignore(Effect.flatMap(TusUpload.info(url), ({ offset }) => change(Upload.stand(offset))))
      })
    ),
    decline: ({ name }) =>
      change(Upload.become(
        "Lost",
        name === upload.name
          ? "The file has changed; drop it on the page to upload the new version."
          : `${name} is not the file that was uploaded here.`
      )),
    miss: change((upload) => ({
      ...Upload.become("Lost", "The browser does not let this page read the file; choose it again.")(upload),
      isKept: false
    })),
    hurry: Effect.asVoid(impatience.release),
    pause: inTurn(Effect.zipRight(
      stop,
      Effect.suspend(() => Upload.isActive(upload) ? change(Upload.become("Paused")) : Effect.void)
    )),
    resume: inTurn(Effect.suspend(() => Option.match(source, { onNone: () => Effect.void, onSome: start }))),
    cancel: inTurn(Effect.zipRight(
      stop,
      Effect.suspend(() =>
        upload.state === "Done" || Option.isNone(upload.url) ? Effect.void : forget(upload.url.value)
      )
    ))
  }
}

/** The user can pause, so the page retries forever, at least every five seconds. */
const pace = Schedule.exponential("500 millis").pipe(
  Schedule.union(Schedule.spaced("5 seconds")),
  Schedule.jitteredWith({ min: 0.7, max: 1 })
)

/** An upload that cannot be removed expires on the server. */
const forget = (url: string): Action =>
  Effect.gen(function*() {
    const journal = yield* UploadJournal.UploadJournal
    const entries = yield* journal.list
    yield* Effect.forEach(entries.filter((entry) => entry.url === url), journal.remove)
    yield* TusUpload.terminate(url)
  }).pipe(Effect.catchAll((error) => Effect.logWarning(error.message)))

const isSame = (one: Pick<File, "name" | "size" | "lastModified">, other: File) =>
  one.name === other.name && one.size === other.size && one.lastModified === other.lastModified
