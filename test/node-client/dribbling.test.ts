/**
 * Servers that send bytes forever and never end a response: the time is bounded, but not the time of a body that moves.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Socket } from "node:net"
import { ask, http, lent, patch, raw, transport } from "./servers.js"

/** Long enough for a busy machine. */
const limits = { stallTimeout: 4000, answerTimeout: 5000 }

/** After a head has arrived, writes a piece of a response every 50 milliseconds, without an end. */
const dribbling = (piece: (n: number) => string) =>
  raw((socket: Socket) => {
    let n = 0
    let timer: NodeJS.Timeout | undefined
    socket.on("close", () => clearInterval(timer)).on("data", () => {
      timer ??= setInterval(() => socket.write(piece(n++)), 50)
    }).resume()
  })

const head = "HTTP/1.1 204 No Content\r\nx: "

const answers: ReadonlyArray<readonly [title: string, piece: (n: number) => string]> = [
  ["interim responses without an end", () => "HTTP/1.1 103 Early Hints\r\n\r\n"],
  ["a flood of interim responses", () => "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)],
  ["a head that comes byte by byte", (n) => head[n] ?? "y"],
  [
    "a success whose text comes byte by byte",
    (n) => n === 0 ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" : "1\r\nx\r\n"
  ]
]

describe("a response that never ends", () => {
  for (const [title, piece] of answers) {
    it.scopedLive(`fails with Stalled: ${title}`, () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* dribbling(piece)
        const requests = [ask(url, "OPTIONS"), patch(url, lent(1000))]
        const errors = yield* Effect.forEach(
          requests,
          (request) => Effect.flip(send({ ...request, ...limits })),
          { concurrency: 2 }
        )
        for (const error of errors) {
          assert.strictEqual(error._tag === "TransportError" && error.reason, "Stalled")
          assert.match(
            error.message,
            /^the response was not complete after 5 seconds$|^1000 interim responses and no final one$/
          )
        }
      }))
  }

  it.scopedLive("is a refusal as soon as its head says so, even if its text never ends", () =>
    Effect.gen(function*() {
      const { send } = yield* transport()
      const { url } = yield* dribbling((n) =>
        n === 0 ? "HTTP/1.1 500 No\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n" : "1\r\nx\r\n"
      )
      const requests = [ask(url, "OPTIONS"), patch(url, lent(1000))]
      const answers = yield* Effect.forEach(requests, (request) => send({ ...request, ...limits }), { concurrency: 2 })
      for (const { body, headers, status } of answers) {
        assert.strictEqual(status, 500)
        assert.strictEqual(headers["retry-after"], "7")
        assert.match(body ?? "", /^x*$/)
      }
    }))
})

describe("a body that moves", () => {
  it.scopedLive("has no time limit, and its response gets the time after it", () =>
    Effect.gen(function*() {
      const { send } = yield* transport()
      const { url } = yield* http((request, response) => {
        request.on("data", () => {
          request.pause()
          setTimeout(() => request.resume(), 25)
        }).on("end", () => response.end("whole"))
      })
      const body = lent(24 * 1024 * 1024, 1024 * 1024)
      const start = performance.now()
      const answerTimeout = 1000
      assert.strictEqual((yield* send({ ...patch(url, body), ...limits, answerTimeout })).body, "whole")
      assert.isAbove(performance.now() - start, answerTimeout)
    }))
})
