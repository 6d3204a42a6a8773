/**
 * The response to a malformed or incomplete request: one sentence, like every refusal.
 */
import * as Effect from "effect/Effect"
import { maxHeaderSize, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import { lingering } from "../../server/body/UploadBody.js"
import type { Cors } from "../../server/policy/TusCors.js"
import { sentence } from "../../wire/tus/TusDialect.js"

export interface Options {
  /** How long the headers may take. */
  readonly headersMillis: number
  readonly cors: Cors
}

/**
 * Answers, and closes the connection a moment later: closing it while the client still sends resets it, and the client
 * never sees the answer.
 *
 * @param code - Node's error code.
 */
export const refuse = (socket: Duplex, code: string | undefined, options: Options): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const done = () => resume(Effect.void)
    socket.once("end", done).once("close", done)
    if (socket.writable) {
      socket.end(answer(code, options))
    } else {
      done()
    }
  }).pipe(
    Effect.timeout(lingering),
    Effect.ignore,
    Effect.zipRight(Effect.sync(() => socket.destroy()))
  )

const answer = (code: string | undefined, { cors, headersMillis }: Options) => {
  const [status, expected]: readonly [number, string] = code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? [408, `the headers of a request within ${headersMillis / 1000} seconds`]
    : code === "HPE_HEADER_OVERFLOW"
    ? [431, `a request line and headers of at most ${maxHeaderSize} bytes together`]
    : code === "HPE_CHUNK_EXTENSIONS_OVERFLOW"
    ? [413, `chunks with extensions of at most ${maxHeaderSize} bytes`]
    : [400, "a well-formed HTTP/1.1 request"]
  const { body = "", headers } = sentence(status, `expected ${expected}`, cors.anonymous)
  const fields = Object.entries({ ...headers, "content-length": String(body.length), connection: "close" })
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    "",
    body
  ].join("\r\n")
}
