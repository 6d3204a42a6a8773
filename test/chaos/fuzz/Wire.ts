/**
 * The packets of a request.
 */
import { digest } from "../../support/exchange.js"
import { headOf } from "../../support/raw.js"
import type { Ask } from "./Story.js"

/** The absolute values of what is relative in a request. */
export interface Resolved {
  readonly path: string
  readonly offset: ReadonlyArray<string>
  readonly concat: ReadonlyArray<string>
}

export const packets = (ask: Ask, { concat, offset, path }: Resolved): ReadonlyArray<string> => {
  const { body, checksum, cut, framing } = ask
  const vouched = checksum._tag === "Header" || checksum._tag === "Trailer"
    ? digest(checksum.right ? bodyOf(ask) : `not ${body}`, checksum.algorithm)
    : digest(bodyOf(ask))
  const announced = checksum._tag === "Trailer" || checksum._tag === "Announced" || checksum._tag === "Both"
  const head = headOf({ method: ask.method, path: `${ask.origin}${path}${ask.suffix}` }, [
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
    ...(ask.expect ? ["Expect: 100-continue"] : [])
  ])
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

const field = (name: string, lines: ReadonlyArray<string>) => lines.map((line) => `${name}: ${line}`)

const bodyOf = ({ body, framing }: Ask) => (framing === "None" ? "" : body)

const split = (text: string, at: ReadonlyArray<number>) => {
  const cuts = [0, ...at.filter((n) => n < text.length).toSorted((a, b) => a - b), text.length]
  return cuts.map((from, i) => text.slice(from, cuts[i + 1])).filter((piece) => piece !== "")
}
