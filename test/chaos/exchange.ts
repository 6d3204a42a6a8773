/**
 * Sends one request over its own connection.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { connect } from "node:net"
import { encode, type Message } from "./message.js"

export interface Answer {
  readonly status: number
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** The connection failed or ended before a complete answer. */
export class Gone extends Data.TaggedError("Gone")<{ readonly cause: unknown }> {}

export const exchange = (port: number, message: Message): Effect.Effect<Answer, Gone> =>
  Effect.async<Answer, Gone>((resume) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true })
    let received = ""
    const fail = (cause: unknown) => resume(new Gone({ cause }))
    socket.setEncoding("latin1")
      .on("data", (text: string) => {
        received += text
        const answer = parse(received, message.method)
        if (answer !== undefined) {
          resume(Effect.succeed(answer))
          socket.destroy()
        }
      })
      .on("error", fail)
      .on("close", () => fail(received))
    encode(message).forEach((piece) => socket.write(piece))
    return Effect.sync(() => socket.destroy())
  }).pipe(bounded(`an answer to ${describe(message)}`))

/** Fails if an answer takes longer than any server needs. */
export const bounded = (what: string) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    Effect.timeoutOption(self, "1 minute"),
    (result) => Option.isSome(result) ? Effect.succeed(result.value) : Effect.dieMessage(`waited for ${what} in vain`)
  )

export const describe = ({ body, headers, method, path }: Message) =>
  `${method} ${path} ${JSON.stringify(headers ?? {})} and ${body?.length ?? 0} bytes`

/** The answer; undefined until it is complete. */
const parse = (received: string, method: string): Answer | undefined => {
  const end = received.indexOf("\r\n\r\n")
  if (end === -1) {
    return undefined
  }
  const [first = "", ...fields] = received.slice(0, end).split("\r\n")
  const headers = Object.fromEntries(fields.map((field) => {
    const colon = field.indexOf(":")
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
  }))
  const answer = { status: Number(first.split(" ")[1]), headers, text: received.slice(end + 4) }
  return method === "HEAD" || answer.text.length >= Number(headers["content-length"] ?? 0) ? answer : undefined
}
