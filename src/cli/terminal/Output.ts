/**
 * Where the command writes: results to the standard output, all else to the standard error, whose last lines on a
 * terminal can be drawn anew. The one place that knows the streams of the process. A reader who has left is no error.
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
  /** A line of what was asked for, for people: a terminal that is too narrow shows it in several. */
  readonly result: (line: string) => Effect.Effect<void>
  /** What was asked for, as it is: for programs, or for the width of the terminal already. */
  readonly raw: (text: string) => Effect.Effect<void>
  /** Lines for people about what was asked for: a terminal that is too narrow shows each in several. */
  readonly say: (lines: string) => Effect.Effect<void>
  /** Replaces the last lines of the screen; no line may be as wide as the screen. Nothing where there is none. */
  readonly live: (lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** The size of the terminal that people look at, as it is now. */
  readonly screen: Effect.Effect<Option.Option<Screen>>
  /** Results are seen on a terminal, too. */
  readonly seen: boolean
  /** In a colour, where people see one and want to: of what is said. */
  readonly paint: (color: Color.Color, text: string) => string
  /** The same of results. */
  readonly paintResult: (color: Color.Color, text: string) => string
  /** How wide results may be. */
  readonly columns: number
}>() {}

export const layer: Layer.Layer<Output> = Layer.sync(Output, () => {
  const { env, stderr, stdout } = Process
  const smart = env["TERM"] !== "dumb"
  const isScreen = stderr.isTTY === true && smart
  let drawn: ReadonlyArray<string> = []

  for (const stream of [stdout, stderr]) {
    // Each write is told about it, too.
    stream.on("error", () => {})
  }

  const size = (): Screen => ({ columns: widthOf(stderr), rows: stderr.rows || 24 })

  /** To where the live lines begin, which a terminal that has become narrower has broken. */
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
          // Written over, since what is erased first would flicker.
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

/** A terminal without a size says 0. */
const widthOf = ({ columns }: WriteStream): number => columns || 80

/** A terminal would break lines within words. */
const wrapped = (stream: WriteStream, lines: string, hang?: number): string =>
  stream.isTTY === true
    ? lines.split("\n").flatMap((line) => Text.wrap(line, widthOf(stream) - 1, hang)).join("\n")
    : lines

/** Returns when the system has it. */
const write = (stream: WriteStream, text: () => string): Effect.Effect<void> =>
  Effect.async((resume) => {
    const bytes = text()
    if (bytes === "") {
      resume(Effect.void)
    } else {
      stream.write(bytes, () => resume(Effect.void))
    }
  })
