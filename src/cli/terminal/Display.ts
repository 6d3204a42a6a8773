/**
 * Shows the progress of files: bars on a terminal, lines elsewhere, JSON with --json, only errors with --quiet.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { Progress } from "../../client/upload/Progress.js"
import * as Failure from "./Failure.js"
import type { Job, Update } from "./FileUpload.js"
import * as Json from "./Json.js"
import * as Line from "./Line.js"
import { Output } from "./Output.js"
import * as ProgressBars from "./ProgressBars.js"
import * as Size from "./Size.js"
import * as Text from "./Text.js"

export type Mode = "normal" | "quiet" | "json"

export type Show = (update: Update) => Effect.Effect<void>

/** When the scope closes, the progress bars are removed. */
export const make = Effect.fnUntraced(function*(jobs: ReadonlyArray<Job>, mode: Mode) {
  const output = yield* Output
  const onScreen = Option.isSome(yield* output.screen)
  return mode === "json"
    ? yield* json
    : mode === "quiet"
    ? yield* quiet(jobs)
    : onScreen
    ? yield* bars(jobs)
    : yield* lines(jobs)
})

const now = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos / 1_000_000n))

const json = Effect.gen(function*() {
  const output = yield* Output
  const told = yield* Ref.make(Json.none)
  const show: Show = (update) =>
    Effect.flatMap(now, (at) =>
      Effect.flatMap(
        Ref.modify(told, (told) => swap(Json.next(told, update, at))),
        Option.match({ onNone: () => Effect.void, onSome: output.raw })
      ))
  return show
})

const quiet = Effect.fnUntraced(function*(jobs: ReadonlyArray<Job>) {
  const output = yield* Output
  const show: Show = (update) =>
    isComplete(update)
      ? output.raw(urlOf(update.progress))
      // The error of a single file becomes the error of the command.
      : update._tag === "Failed" && jobs.length > 1
      ? output.say(`effect-tus: ${update.file.name}: ${Failure.reason(update.error)}`)
      : Effect.void
  return show
})

const lines = Effect.fnUntraced(function*(jobs: ReadonlyArray<Job>) {
  const output = yield* Output
  const said = yield* Ref.make(Line.none)
  const show: Show = (update) =>
    update._tag === "Failed" && jobs.length === 1 ? Effect.void : now.pipe(
      Effect.flatMap((at) => Ref.modify(said, (said) => swap(Line.next(said, update, at)))),
      Effect.flatMap(Option.match({ onNone: () => Effect.void, onSome: output.say })),
      Effect.zipRight(isComplete(update) ? output.raw(urlOf(update.progress)) : Effect.void)
    )
  return show
})

const bars = Effect.fnUntraced(function*(jobs: ReadonlyArray<Job>) {
  const output = yield* Output
  const board = yield* Ref.make(ProgressBars.make(jobs))
  const draw = Effect.gen(function*() {
    const screen = Option.getOrElse(yield* output.screen, () => ({ columns: 80, rows: 24 }))
    yield* output.live(ProgressBars.lines(yield* Ref.get(board), yield* now, screen))
  })
  yield* Effect.addFinalizer(() => output.live([]))
  yield* Effect.forkScoped(Effect.forever(Effect.delay(draw, "100 millis")))

  const show: Show = Effect.fnUntraced(function*(update) {
    const at = yield* now
    yield* Ref.update(board, (board) => ProgressBars.next(board, update, at))
    if (isComplete(update)) {
      const { columns } = Option.getOrElse(yield* output.screen, () => ({ columns: 80 }))
      yield* draw
      for (const line of finished(update.file, update.progress, columns, output.seen)) {
        yield* output.say(line.replace(/^✓/, output.paint("green", "✓")))
      }
      if (!output.seen) {
        yield* output.raw(urlOf(update.progress))
      }
    }
    const news = newsOf(update)
    if (news !== undefined) {
      yield* output.say(`${output.paint("yellow", "↻")} ${update.file.name}  ${news}`)
    }
    if (update._tag === "Failed" && jobs.length > 1) {
      yield* draw
      yield* output.say(`${output.paint("red", "✗")} ${update.file.name}: ${Failure.reason(update.error)}`)
    }
  })
  return show
})

/** The URL is never shortened: if the line is too narrow, it gets lines of its own. */
export const finished = (
  { name }: Job,
  { url, ...progress }: Pick<Progress, "acknowledged" | "elapsed" | "resumed" | "url">,
  columns: number,
  withUrl: boolean
): ReadonlyArray<string> => {
  const facts = `  ${Line.sessionOf(progress)}`
  const address = withUrl && Option.isSome(url) ? `  ${url.value}` : ""
  const room = columns - 1 - 2 - Text.width(facts)
  return room - Text.width(address) >= Math.min(Text.width(name), 12)
    ? [`✓ ${Text.shortenPath(name, room - Text.width(address))}${facts}${address}`]
    : [`✓ ${Text.shortenPath(name, room)}${facts}`, ...(address === "" ? [] : [address])]
}

/** What a bar cannot show: that an upload was resumed, or started again. */
const newsOf = (update: Update): string | undefined =>
  update._tag !== "Progress"
    ? undefined
    : update.progress.event === "Recreated"
    ? Line.anew(update.progress)
    : update.progress.event === "Resumed" && update.progress.resumed > 0
    ? `resumed at ${Size.print(update.progress.resumed)}`
    : undefined

const isComplete = (update: Update): update is Extract<Update, { readonly _tag: "Progress" }> =>
  update._tag === "Progress" && update.progress.event === "Complete"

const urlOf = ({ url }: Progress) => Option.getOrElse(url, () => "")

const swap = <A, B>([state, value]: readonly [A, B]): [B, A] => [value, state]

export const elapsedSince = (start: bigint): Effect.Effect<Duration.Duration> =>
  Effect.map(Clock.currentTimeNanos, (now) => Duration.nanos(now - start))
