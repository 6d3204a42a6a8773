/**
 * Writes results to the standard output, and everything else to the standard error. On a terminal the last lines of the
 * standard error are redrawn. The one place that knows the streams of the process. A reader that has gone is no error.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import Process from "node:process"
import type { WriteStream } from "node:tty"
import * as Color from "./Color.js"
import * as Text from "./Text.js"

export interface Screen {
  readonly columns: number
  readonly rows: number
}

export class Output extends Context.Tag("effect-tus/cli/Output")<Output, {
  /** A line of the result, for people: wrapped at the width of the terminal. */
  readonly result: (line: string) => Effect.Effect<void>
  /** The result as it is: for programs, or already wrapped. */
  readonly raw: (text: string) => Effect.Effect<void>
  /** Messages for people: each line is wrapped at the width of the terminal. */
  readonly say: (lines: string) => Effect.Effect<void>
  /** Replaces the last lines of the terminal; each must be narrower than it. Does nothing without a terminal. */
  readonly live: (lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** The current size of the terminal; `Option.none` if the standard error is no terminal. */
  readonly screen: Effect.Effect<Option.Option<Screen>>
  /** Whether the standard output is a terminal. */
  readonly seen: boolean
  /** Colours a message, if colours are wanted. */
  readonly paint: (color: Color.Color, text: string) => string
  /** Colours a result, if colours are wanted. */
  readonly paintResult: (color: Color.Color, text: string) => string
  /** The width of results. */
  readonly columns: number
}>() {}

export const layer: Layer.Layer<Output> = Layer.sync(Output, () => {
  const { env, stderr, stdout } = Process
  const smart = env["TERM"] !== "dumb"
  const isScreen = stderr.isTTY === true && smart
  let drawn: ReadonlyArray<string> = []

  for (const stream of [stdout, stderr]) {
    // Each write gets the error, too.
    stream.on("error", () => {})
  }

  const size = (): Screen => ({ columns: widthOf(stderr), rows: stderr.rows || 24 })

  /** Moves to the first live line. A terminal that became narrower has wrapped them. */
  const up = () => {
    const { columns } = size()
    const height = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(Text.width(line) / columns)), 0)
    return height === 0 ? "" : `\r\u001b[${height}A`
  }
  const erase = () => (drawn.length === 0 ? "" : `${up()}\u001b[J`)
  const draw = () => drawn.map((line) => `${line}\n`).join("")

  const say = (lines: string) => write(stderr, () => `${erase()}${wrapped(stderr, lines)}\n${draw()}`)

  const raw = (text: string) =>
    stdout.isTTY === true && isScreen
      ? Effect.zipRight(
        write(stderr, erase),
        Effect.zipRight(write(stdout, () => `${text}\n`), write(stderr, draw))
      )
      : write(stdout, () => `${text}\n`)

  const painting = (stream: WriteStream) => {
    const isWanted = Color.isWanted(env, stream.isTTY === true)
    return (color: Color.Color, text: string) => (isWanted ? Color.paint(color, text) : text)
  }

  return {
    result: (line) => Effect.suspend(() => raw(wrapped(stdout, line, 2))),
    raw,
    say,
    live: (lines) =>
      isScreen
        ? write(stderr, () => {
          // Overwritten line by line: erasing everything first would flicker.
          const start = up()
          drawn = lines
          return `${start}${lines.map((line) => `${line}\u001b[K\n`).join("")}\u001b[J`
        })
        : Effect.void,
    screen: Effect.sync(() => (isScreen ? Option.some(size()) : Option.none())),
    seen: stdout.isTTY === true,
    paint: painting(stderr),
    paintResult: painting(stdout),
    columns: Math.min(stdout.isTTY === true ? widthOf(stdout) : 100, 120)
  }
})

/** A terminal without a size reports 0. */
const widthOf = ({ columns }: WriteStream): number => columns || 80

/** A terminal would break lines in the middle of words. */
const wrapped = (stream: WriteStream, lines: string, hang?: number): string =>
  stream.isTTY === true
    ? lines.split("\n").flatMap((line) => Text.wrap(line, widthOf(stream) - 1, hang)).join("\n")
    : lines

/** Returns when the operating system has the bytes. */
const write = (stream: WriteStream, text: () => string): Effect.Effect<void> =>
  Effect.async((resume) => {
    const bytes = text()
    if (bytes === "") {
      resume(Effect.void)
    } else {
      stream.write(bytes, () => resume(Effect.void))
    }
  })
