/**
 * Bytes on a socket: a request as text, an answer read strictly, and a client that stops, disappears or breaks a rule
 * wherever its test says so.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import * as Exchange from "./exchange.js"

/** The head of a request, which is complete if it has no body. Lines follow its headers as they are. */
export const headOf = (
  { body, chunked, headers, method, path }: Exchange.Request,
  lines: ReadonlyArray<string> = []
): string => {
  const framing = chunked === true
    ? { "transfer-encoding": "chunked" }
    : body === undefined
    ? {}
    : { "content-length": Buffer.byteLength(body) }
  const fields = Object.entries({ ...framing, ...headers }).map((field) => field.join(": "))
  return [`${method} ${path} HTTP/1.1`, "Host: localhost", ...fields, ...lines, "\r\n"].join("\r\n")
}

export const request = (method: string, path: string, lines?: ReadonlyArray<string>) =>
  headOf(Exchange.request(method, path), lines)

/** The head of a PATCH request with a body of this length. */
export const patch = (path: string, offset: number, length: number, lines?: ReadonlyArray<string>) =>
  headOf(Exchange.patch(path, offset, "", { "content-length": length }), lines)

/** The head and the pieces of the body, which are no copies. */
export const encode = (request: Exchange.Request): ReadonlyArray<Uint8Array> => {
  const { body = "", chunked, trailers = {} } = request
  const bytes = typeof body === "string" ? Buffer.from(body) : body
  const head = latin1(headOf(request))
  return chunked === true ? [head, ...chunks(bytes), latin1(`0\r\n${linesOf(trailers)}\r\n`)] : [head, bytes]
}

const chunkBytes = 100_000

function* chunks(body: Uint8Array) {
  for (let at = 0; at < body.length; at += chunkBytes) {
    const chunk = body.subarray(at, at + chunkBytes)
    yield latin1(`${chunk.length.toString(16)}\r\n`)
    yield chunk
    yield latin1("\r\n")
  }
}

const linesOf = (headers: Exchange.Headers) =>
  Object.entries(headers).map((field) => `${field.join(": ")}\r\n`).join("")

const latin1 = (text: string) => Buffer.from(text, "latin1")

/** The statuses of answers that follow each other, without a look at what is in between. */
export const statusesOf = (text: string) =>
  Array.from(text.matchAll(/^HTTP\/1.1 (\d+) /gm), ([, status]) => Number(status))

/** The first answer that is not interim, and where it ends; undefined until it is complete. */
const parse = (
  received: string,
  method: string
): { readonly answer: Exchange.Answer; readonly end: number } | undefined => {
  const start = received.indexOf("\r\n\r\n") + 4
  if (start < 4) {
    return undefined
  }
  const [first = "", ...lines] = received.slice(0, start - 4).split("\r\n")
  const [, status = ""] = /^HTTP\/1\.1 (\d{3}) [ -~]+$/.exec(first) ?? assert.fail(`not a status line: ${first}`)
  const headers = Object.fromEntries(lines.map((line) => {
    const [, name = "", value = ""] = /^([\w-]+): ([ -~]*)$/.exec(line) ?? assert.fail(`not a header: ${line}`)
    return [name.toLowerCase(), value]
  }))
  assert.strictEqual(Object.keys(headers).length, lines.length, "a header comes twice")
  if (status.startsWith("1")) {
    const next = parse(received.slice(start), method)
    return next && { ...next, end: start + next.end }
  }
  const isBare = method === "HEAD" || status === "204" || status === "304"
  const body = isBare ? { text: "", end: start } : bodyOf(received, start, headers)
  return body && {
    answer: { status: Number(status), headers, text: Buffer.from(body.text, "latin1").toString() },
    end: body.end
  }
}

/** The body that starts there, and where it ends. */
const bodyOf = (received: string, start: number, headers: Exchange.Answer["headers"]) => {
  if (headers["transfer-encoding"] !== "chunked") {
    const end = start + Number(headers["content-length"])
    assert.isAtLeast(end, start, "no length")
    return received.length < end ? undefined : { text: received.slice(start, end), end }
  }
  let text = ""
  for (let at = start;;) {
    const [line = "", size = ""] = /^([\da-f]+)\r\n/i.exec(received.slice(at, at + 20)) ?? []
    const from = at + line.length
    const to = from + Number.parseInt(size, 16)
    if (line === "" || received.length < to + 2) {
      return undefined
    }
    text += received.slice(from, to)
    at = to + 2
    if (from === to) {
      return { text, end: at }
    }
  }
}

export interface Client {
  readonly send: (...pieces: ReadonlyArray<string | Uint8Array>) => Promise<unknown>
  /** Resolves when the received text matches. */
  readonly received: (pattern: RegExp) => Promise<RegExpExecArray>
  /** The next answer, to a request of this method. */
  readonly answer: (method: string) => Promise<Exchange.Answer>
  /** What follows the answers that were taken, until the connection ends in any way. */
  readonly rest: () => Promise<string>
  /** The text that was received until the connection ended, in any way. */
  readonly closed: Promise<string>
  readonly destroy: () => void
  readonly socket: Socket
}

export const open = async (port: number, signal?: AbortSignal): Promise<Client> => {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, ...(signal && { signal }) })
  await once(socket, "connect")
  let received = ""
  let taken = 0
  const watchers = new Set<() => void>()
  socket.setEncoding("latin1").on("error", () => {}).on("data", (text: string) => {
    received += text
    watchers.forEach((watch) => watch())
  })
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve(received)))

  /** What is found in the received text, as soon as it is there. */
  const until = <A>(find: () => A | null | undefined) =>
    new Promise<A>((resolve, reject) => {
      const watch = () => {
        try {
          const found = find() ?? undefined
          if (found !== undefined) {
            watchers.delete(watch)
            resolve(found)
          }
        } catch (error) {
          reject(error)
        }
      }
      watchers.add(watch)
      closed.then(() => reject(new Error(`the connection was closed after ${JSON.stringify(received)}`)))
      watch()
    })

  return {
    socket,
    closed,
    destroy: () => socket.destroy(),
    send: (...pieces) =>
      Promise.all(pieces.map((piece) => new Promise<void>((resolve) => socket.write(piece, () => resolve())))),
    received: (pattern) => until(() => pattern.exec(received)),
    answer: async (method) => {
      const { answer, end } = await until(() => parse(received.slice(taken), method))
      taken += end
      return answer
    },
    rest: async () => (await closed).slice(taken)
  }
}

/** Sends each request over a connection of its own. */
export const ask = (port: number, signal?: AbortSignal): Exchange.Ask => async (request) => {
  const client = await open(port, signal)
  try {
    void client.send(...encode(request))
    return await client.answer(request.method)
  } finally {
    client.destroy()
  }
}

/** The requests that most tests make, to the server at this port. */
export const asking = (port: number, collection = "/files") => {
  const send = (request: Exchange.Request) => Effect.promise(() => ask(port)(request))
  const post = (headers: Exchange.Headers, body?: string) => send(Exchange.request("POST", collection, headers, body))
  return {
    ask: (...request: Parameters<typeof Exchange.request>) => send(Exchange.request(...request)),
    post,
    /** The path of a new upload. */
    create: (length: number, headers?: Exchange.Headers, body?: string) =>
      Effect.map(post({ "upload-length": length, ...headers }, body), Exchange.locationOf),
    patch: (...request: Parameters<typeof Exchange.patch>) => send(Exchange.patch(...request)),
    head: (...request: Parameters<typeof Exchange.head>) => send(Exchange.head(...request)),
    offsetOf: (path: string) => Effect.map(send(Exchange.head(path)), Exchange.offsetOf)
  }
}
