/**
 * An output that a test can read.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Output } from "../../src/cli/terminal/Output.js"

const nothing = () => Effect.void

/** Records the messages. */
export const output = () => {
  const said: Array<string> = []
  const service: Output["Type"] = {
    result: nothing,
    raw: nothing,
    say: (line) => Effect.sync(() => said.push(line)),
    live: nothing,
    screen: Effect.succeedNone,
    seen: false,
    paint: (_, text) => text,
    paintResult: (_, text) => text,
    columns: 100
  }
  return { said, service, layer: Layer.succeed(Output, service) }
}
