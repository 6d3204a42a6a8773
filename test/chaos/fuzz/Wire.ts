/**
 * Encodes a request as packets, and parses the answers strictly.
 */
import { assert } from "@effect/vitest"
import { createHash } from "node:crypto"
import { connect, type Socket } from "node:net"
import type { Ask } from "./Story.js"

/** The absolute values of what is relative in a request. */
export interface Resolved {
  readonly path: string
  readonly offset: ReadonlyArray<string>
  readonly concat: ReadonlyArray<string>
}

/** The packets of a request. */
export const packets = (ask: Ask, { concat, offset, path }: Resolved): ReadonlyArray<string> => {
  const { body, checksum, cut, framing } = ask
  const vouched = checksum._tag === "Header" || checksum._tag === "Trailer"
    ? digest(checksum.right ? bodyOf(ask) : `not ${body}`, checksum.algorithm)
    : digest(bodyOf(ask))
  const announced = checksum._tag === "Trailer" || checksum._tag === "Announced" || checksum._tag === "Both"
  const head = [
    `${ask.method} ${ask.origin}${path}${ask.suffix} HTTP/1.1`,
    "Host: localhost",
    ...field("X-HTTP-Method-Override", ask.override.lines),
    ...field("Tus-Resumable", ask.version.lines),
    ...field("Content-Type", ask.contentType.lines),
    ...field("Content-Encoding", ask.coding.lines),
    ...field("Upload-Offset", offset),
    ...field("UPLOAD-LENGTH", ask.length.lines),
    ...field("upload-defer-length", ask.deferLength.lines),
    ...field("Upload-Metadata", ask.metadata.lines),
    ...field("Upload-Concat", concat),
    ...(checksum._tag === "Header" || checksum._tag === "Both" ? [`Upload-Checksum: ${vouched}`] : []),
    ...(checksum._tag === "Malformed" ? field("Upload-Checksum", checksum.lines) : []),
    ...(announced ? ["Trailer: Upload-Checksum"] : []),
    ...(framing === "Length" ? [`Content-Length: ${body.length}`] : []),
    ...(framing === "Chunked" ? ["Transfer-Encoding: chunked"] : []),
    ...(ask.expect ? ["Expect: 100-continue"] : []),
    "\r\n"
  ].join("\r\n")
  const pieces = split(cut === null ? bodyOf(ask) : body.slice(0, cut), ask.pieces)
  const trailer = checksum._tag === "Trailer" ? `Upload-Checksum: ${vouched}\r\n` : ""
  const sent = framing === "Chunked"
    ? [
      ...pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`),
      ...(cut === null ? [`0\r\n${trailer}\r\n`] : [])
    ]
    : pieces
  return [head, ...sent, ...(ask.long ? ["\0\0\0\0"] : [])]
}

const digest = (text: string, algorithm = "sha1") =>
  `${algorithm} ${createHash(algorithm).update(text).digest("base64")}`

const field = (name: string, lines: ReadonlyArray<string>) => lines.map((line) => `${name}: ${line}`)

const bodyOf = ({ body, framing }: Ask) => (framing === "None" ? "" : body)

const split = (text: string, at: ReadonlyArray<number>) => {
  const cuts = [0, ...at.filter((n) => n < text.length).toSorted((a, b) => a - b), text.length]
  return cuts.map((from, i) => text.slice(from, cuts[i + 1])).filter((piece) => piece !== "")
}

export interface Answer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
}

export interface Line {
  /** Sends packets; with `last` nothing is sent after them. */
  readonly send: (packets: ReadonlyArray<string>, last: boolean) => Promise<void>
  /** The next answer; `bodyless` if it answers a HEAD. */
  readonly answer: (bodyless: boolean) => Promise<Answer>
  /** What came after the last answer until the connection was closed. */
  readonly rest: () => Promise<string>
  readonly destroy: () => void
}

export const open = async (port: number): Promise<Line> => {
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true })
  const chunks = socket.on("error", () => {}).iterator({ destroyOnReturn: false })
  await new Promise((resolve) => socket.once("connect", resolve))
  let received = ""

  /** Waits for more bytes; returns false if the connection is closed. */
  const more = async () => {
    const next = await chunks.next().catch(() => ({ done: true as const, value: undefined }))
    received += next.done === true ? "" : (next.value as Buffer).toString("latin1")
    return next.done !== true
  }

  const until = async (is: () => boolean) => {
    while (!is()) {
      assert.isTrue(await more(), `the connection was closed after ${JSON.stringify(received)}`)
    }
  }

  return {
    send: async (packets, last) => {
      for (const packet of packets) {
        await new Promise((resolve) => socket.write(packet, "latin1", resolve))
      }
      if (last) {
        socket.end()
      }
    },
    answer: async (bodyless) => {
      for (;;) {
        await until(() => received.includes("\r\n\r\n"))
        const end = received.indexOf("\r\n\r\n")
        const [first = "", ...lines] = received.slice(0, end).split("\r\n")
        received = received.slice(end + 4)
        const [, status] = /^HTTP\/1\.1 (\d{3}) [ -~]+$/.exec(first) ?? assert.fail(`not a status line: ${first}`)
        const headers = new Map(lines.map((line) => {
          const [, name = "", value = ""] = /^([\w-]+): ([ -~]*)$/.exec(line) ?? assert.fail(`not a header: ${line}`)
          return [name.toLowerCase(), value]
        }))
        assert.strictEqual(headers.size, lines.length, "a header comes twice")
        if (status?.startsWith("1") === true) {
          continue
        }
        const size = bodyless || status === "204" ? 0 : Number(headers.get("content-length"))
        assert.isTrue(size >= 0, "no length")
        await until(() => received.length >= size)
        const text = received.slice(0, size)
        received = received.slice(size)
        return { status: Number(status), headers, text }
      }
    },
    rest: async () => {
      while (await more()) {}
      return received
    },
    destroy: () => socket.destroy()
  }
}
