/**
 * Malformed requests, one at a time: each has a clear answer or a closed connection, moves no offset, and disturbs
 * nobody.
 */
import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { patch, request, statusesOf } from "../support/raw.js"
import { type Victim, victim } from "./victim.js"

class Server extends Context.Tag("test/Server")<Server, Victim>() {}

const close = "Connection: close"
const chunked = (path: string, body: string, headers: ReadonlyArray<string> = []) =>
  patch(path, 0, 0, [close, ...headers]).replace("content-length: 0", "Transfer-Encoding: chunked") + body
const head = (path: string, ...headers: ReadonlyArray<string>) => request("HEAD", path, [...headers, close])
const framed = (path: string, ...framing: ReadonlyArray<string>) =>
  `${patch(path, 0, 0, [close]).replace("content-length: 0", framing.join("\r\n"))}3\r\nabc\r\n0\r\n\r\n`

interface Case {
  readonly bytes: (path: string) => string | Uint8Array
  /** In order; empty if the connection is just closed. */
  readonly answers: ReadonlyArray<number>
  /** The offset of the upload afterwards, 0 by default. A body that breaks off is answered with it. */
  readonly offset?: number
}

const cases: Readonly<Record<string, Case>> = {
  // Not HTTP.
  "garbage": { bytes: () => "\x01\x02\x03\r\n\r\n", answers: [400] },
  "the first bytes of TLS": { bytes: () => Buffer.from("16030100c8010000c403030000", "hex"), answers: [400] },
  "the preface of HTTP/2": { bytes: () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", answers: [400] },
  "a version that does not exist": { bytes: (path) => head(path).replace("1.1", "1.2"), answers: [400] },
  "NULs": { bytes: () => Buffer.alloc(100_000), answers: [400] },
  "a NUL in the target": { bytes: (path) => head(`${path}\0`), answers: [400] },
  "a NUL in a header": { bytes: (path) => head(path, "X-A: a\0b"), answers: [400] },
  "bytes above ASCII in the target": { bytes: () => head("/files/é"), answers: [400] },
  "ends of lines without CR": { bytes: (path) => head(path).replaceAll("\r", ""), answers: [400] },
  "one end of a line without CR": { bytes: (path) => head(path).replace("\r\n", "\n"), answers: [400] },
  "a header on two lines": { bytes: (path) => head(path, "X-A: a\r\n b"), answers: [400] },
  "a space before the colon": { bytes: (path) => head(path, "X-A : a"), answers: [400] },
  "no Host header": { bytes: (path) => head(path).replace("Host: localhost\r\n", ""), answers: [400] },
  "garbage after a request": { bytes: (path) => `${request("HEAD", path)}\0\0`, answers: [200, 400] },

  // Too long.
  "a target of 100 kB": { bytes: () => head(`/files/${"a".repeat(100_000)}`), answers: [431] },
  "a request line without an end": { bytes: () => `HEAD /${"a".repeat(4_000_000)}`, answers: [431] },
  "a header of 60 KiB": { bytes: (path) => head(path, `X-A: ${"a".repeat(60 * 1024)}`), answers: [431] },
  "headers of 60 KiB": { bytes: (path) => head(path, ...Array(1000).fill(`X-A: ${"a".repeat(54)}`)), answers: [431] },
  "3,000 headers": { bytes: (path) => head(path, ...Array(3000).fill("a:b")), answers: [200] },
  "Upload-Metadata of 12 KiB": {
    bytes: () => request("POST", "/files", ["Upload-Length: 1", `Upload-Metadata: a ${"AAAA".repeat(3072)}`, close]),
    answers: [400]
  },
  "a final of 300 parts that do not exist": {
    bytes: () => request("POST", "/files", [`Upload-Concat: final;${`/files/${"a".repeat(32)} `.repeat(300)}`, close]),
    answers: [404]
  },

  // Framing that two servers may read differently.
  "Content-Length twice": { bytes: (path) => framed(path, "Content-Length: 3", "Content-Length: 3"), answers: [400] },
  "two Content-Lengths": { bytes: (path) => framed(path, "Content-Length: 3", "Content-Length: 4"), answers: [400] },
  "a list of Content-Lengths": { bytes: (path) => framed(path, "Content-Length: 3, 3"), answers: [400] },
  "a negative Content-Length": { bytes: (path) => framed(path, "Content-Length: -3"), answers: [400] },
  "a Content-Length with a sign": { bytes: (path) => framed(path, "Content-Length: +3"), answers: [400] },
  "a Content-Length in hexadecimal": { bytes: (path) => framed(path, "Content-Length: 0x3"), answers: [400] },
  "a Content-Length of 24 digits": {
    bytes: (path) => framed(path, `Content-Length: ${"9".repeat(24)}`),
    answers: [400]
  },
  "a Content-Length beyond the upload": { bytes: (path) => framed(path, "Content-Length: 1000"), answers: [413] },
  "Content-Length with Transfer-Encoding": {
    bytes: (path) => framed(path, "Content-Length: 3", "Transfer-Encoding: chunked"),
    answers: [400]
  },
  "Transfer-Encoding with Content-Length": {
    bytes: (path) => framed(path, "Transfer-Encoding: chunked", "Content-Length: 3"),
    answers: [400]
  },
  "Transfer-Encoding twice": {
    bytes: (path) => framed(path, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    answers: [400]
  },
  "a coding after chunked": { bytes: (path) => framed(path, "Transfer-Encoding: chunked, gzip"), answers: [400] },
  "a coding before chunked": { bytes: (path) => framed(path, "Transfer-Encoding: gzip, chunked"), answers: [400] },
  "an unknown coding": { bytes: (path) => framed(path, "Transfer-Encoding: identity"), answers: [400] },
  "a chunk of no size": { bytes: (path) => chunked(path, "zz\r\nabc\r\n0\r\n\r\n"), answers: [503] },
  "a chunk of a negative size": { bytes: (path) => chunked(path, "-3\r\nabc\r\n0\r\n\r\n"), answers: [503] },
  "a chunk of 2^68 bytes": { bytes: (path) => chunked(path, `${"f".repeat(17)}\r\nabc`), answers: [503] },
  "a second chunk of no size": {
    bytes: (path) => chunked(path, "3\r\nabc\r\nzz\r\n"),
    answers: [503]
  },
  "a chunk longer than its size": {
    bytes: (path) => chunked(path, "3\r\nabcdef\r\n0\r\n\r\n"),
    answers: [503]
  },
  "an extension of a chunk of 64 KiB": {
    bytes: (path) => chunked(path, `3;${"a".repeat(65_536)}\r\nabc\r\n0\r\n\r\n`),
    answers: [503]
  },
  "1,000 trailers": {
    bytes: (path) => chunked(path, `3\r\nabc\r\n0\r\n${"a:b\r\n".repeat(1000)}\r\n`),
    answers: [204],
    offset: 3
  },
  "trailers of 64 KiB": {
    bytes: (path) => chunked(path, `3\r\nabc\r\n0\r\n${`a:${"b".repeat(60)}\r\n`.repeat(1024)}\r\n`),
    answers: [503]
  },
  "a trailer with Upload-Offset": {
    bytes: (path) => chunked(path, "3\r\nabc\r\n0\r\nUpload-Offset: 50\r\n\r\n"),
    answers: [204],
    offset: 3
  },

  // Valid HTTP that tus does not use.
  "HTTP/1.0": { bytes: (path) => head(path).replace("1.1", "1.0").replace(`${close}\r\n`, ""), answers: [200] },
  "HTTP/1.0 with Connection: keep-alive": {
    bytes: (path) => head(path).replace("1.1", "1.0").replace(close, "Connection: keep-alive"),
    answers: [200]
  },
  "HTTP/1.0 with a body": {
    bytes: (path) => `${patch(path, 0, 3).replace("1.1", "1.0")}abc`,
    answers: [204],
    offset: 3
  },
  "HTTP/0.9": { bytes: () => "GET /files\r\n\r\n", answers: [405] },
  "a target of another server": { bytes: (path) => head(`http://example.org${path}`), answers: [200] },
  "a target of host and port": { bytes: () => head("example.org:80"), answers: [400] },
  "the target *": { bytes: () => request("OPTIONS", "*", [close]), answers: [204] },
  "a target with .. in it": { bytes: () => head("/files/../../etc/passwd"), answers: [404] },
  "an unknown expectation": {
    bytes: (path) => `${patch(path, 0, 3, ["Expect: a miracle", close])}abc`,
    answers: [204],
    offset: 3
  },
  "an upgrade to a WebSocket": {
    bytes: (path) => request("GET", path, ["Connection: Upgrade, close", "Upgrade: websocket"]),
    answers: [405]
  },
  "an upgrade to HTTP/2": {
    bytes: (path) => `${patch(path, 0, 3, ["Connection: Upgrade, close", "Upgrade: h2c"])}abc`,
    answers: [204],
    offset: 3
  },
  "CONNECT": { bytes: () => "CONNECT example.org:80 HTTP/1.1\r\nHost: example.org:80\r\n\r\n", answers: [] },
  "TRACE": { bytes: (path) => request("TRACE", path, [close]), answers: [405] },
  "a method in lower case": { bytes: (path) => head(path).replace("HEAD", "head"), answers: [400] },
  "a method that does not exist": { bytes: (path) => head(path).replace("HEAD", "BREW"), answers: [400] },
  "a body of HEAD": { bytes: (path) => `${head(path, "Content-Length: 3")}abc`, answers: [200] },
  "a body of HEAD that never comes": { bytes: (path) => head(path, "Content-Length: 3"), answers: [200] },
  "a body of OPTIONS": {
    bytes: () => `${request("OPTIONS", "/files", [close, "Transfer-Encoding: chunked"])}3\r\nabc\r\n0\r\n\r\n`,
    answers: [204]
  },
  "a large body of OPTIONS": {
    bytes: () => request("OPTIONS", "/files", [close, "Content-Length: 8000000"]) + "a".repeat(8_000_000),
    answers: [204]
  },
  "a body of DELETE": {
    bytes: (path) => `${request("DELETE", path, [close, "Content-Length: 3"])}abc`,
    answers: [204],
    offset: Number.NaN
  }
}

it.layer(Layer.scoped(Server, victim({ idleTimeout: "2 seconds" })))("a malformed request", (it) => {
  for (const [title, { answers, bytes, offset = 0 }] of Object.entries(cases)) {
    it.effect(`${title}: ${answers.join(", ") || "closed"}`, () =>
      Effect.gen(function*() {
        const { create, offsetOf, told, upload } = yield* Server
        yield* Effect.promise(async () => {
          const path = await create(100)
          const [text] = await Promise.all([told(bytes(path)), upload()])
          deepStrictEqual(statusesOf(text), answers)
          deepStrictEqual(await offsetOf(path), Number(/stands at ([03]),/.exec(text)?.[1] ?? offset))
        })
      }))
  }

  it.effect("none of them leaves anything behind", () =>
    Effect.flatMap(Server, ({ survives }) => Effect.promise(survives)))
})
