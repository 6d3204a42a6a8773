import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Pull } from "effect-tus"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { Socket } from "node:net"
import { maxText } from "../../src/client/transport/TusTransport.js"
import { ask, broken, byteAt, echo, failing, http, known, lent, patch, raw, transport } from "./servers.js"

const mebibyte = 1024 * 1024

/** Events of Node's diagnostics channel while the scope is open. */
const told = <A>(channel: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const messages: Array<A> = []
        const onMessage = (message: unknown) => messages.push(message as A)
        subscribe(channel, onMessage)
        return { messages, onMessage }
      }),
      ({ onMessage }) => Effect.sync(() => unsubscribe(channel, onMessage))
    ),
    ({ messages }) => messages
  )

/** Every connection that this process begins. */
const connections = told<{ readonly socket: Socket }>("net.client.socket")

const turn = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

const reasonOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(effect), (error) => (error as { readonly reason?: string }).reason)

const head = (socket: Socket) =>
  new Promise<string>((resolve) => {
    let text = ""
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1")
      if (text.includes("\r\n\r\n")) {
        resolve(text)
      }
    }).resume()
  })

/** A server that answers each request as soon as it has its head. */
const answering = (...answers: ReadonlyArray<string>) =>
  raw((socket) => {
    let left = answers
    socket.on("data", (bytes: Buffer) => {
      if (bytes.includes("\r\n\r\n")) {
        socket.write(left[0] ?? "")
        left = left.slice(1)
      }
    }).resume()
  })

/** Reads a head, writes the text, and closes. */
const from = (answer: string) => raw((socket) => void head(socket).then(() => socket.end(answer)))

describe("NodeTransport", () => {
  describe("a request", () => {
    it.scopedLive("arrives unchanged, and its memory is not read after it is lent to the next chunk", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http(echo)
        const body = lent(3 * mebibyte + 17, 100_000)
        const answer = yield* send(patch(`${url}/a?b=c`, body))
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers["content-type"], "application/json")
        assert.strictEqual(answer.body?.length, maxText)
        const seen = yield* send(patch(`${url}/a?b=c`, lent(100, 30)))
        const { body: bytes, headers, method, url: path } = JSON.parse(seen.body ?? "")
        deepStrictEqual([method, path], ["PATCH", "/files/a?b=c"])
        assert.strictEqual(headers["content-length"], "100")
        assert.strictEqual(headers["content-type"], "application/offset+octet-stream")
        assert.isUndefined(headers["transfer-encoding"])
        assert.strictEqual(bytes, String.fromCharCode(...Array.from({ length: 100 }, (_, i) => byteAt(i))))
      }))

    it.scopedLive("sends bytes that are known, reports them as sent, and has trailers", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http(echo)
        for (const length of [0, 1, 300]) {
          const told: Array<number> = []
          const body = known(length)
          const answer = yield* send(patch(url, body, { onSent: (bytes) => told.push(bytes) }))
          const seen = JSON.parse(answer.body ?? "")
          assert.strictEqual(seen.headers["content-length"], String(length))
          assert.strictEqual(seen.body, String.fromCharCode(...body.bytes ?? []))
          deepStrictEqual(told, length === 0 ? [] : [length])
        }
        const trailing = yield* http((request, response) => {
          request.resume().on("end", () => response.end(JSON.stringify(request.trailers)))
        })
        const answer = yield* send(
          patch(trailing.url, { ...known(10), trailers: () => ({ "upload-checksum": "x" }) }, {
            headers: { trailer: "upload-checksum" }
          })
        )
        deepStrictEqual(JSON.parse(answer.body ?? ""), { "upload-checksum": "x" })
      }))

    it.scopedLive("sends every byte of a large body, in order", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const length = 20 * mebibyte + 5
        const expected = createHash("md5")
        yield* Stream.runForEach(
          Pull.toStream(lent(length, mebibyte).open),
          (bytes) => Effect.sync(() => expected.update(bytes))
        )
        const { url } = yield* http((request, response) => {
          const hash = createHash("md5")
          request.on("data", (bytes: Buffer) => hash.update(bytes)).on("end", () => response.end(hash.digest("hex")))
        })
        const hash = expected.digest("hex")
        for (const chunkSize of [1000, 64 * 1024, 3 * mebibyte]) {
          assert.strictEqual((yield* send(patch(url, lent(length, chunkSize)))).body, hash, String(chunkSize))
        }
      }))

    it.scopedLive("without a body has Content-Length: 0 if its method may have a body", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http(echo)
        const lengths = yield* Effect.forEach(["POST", "PATCH", "DELETE", "OPTIONS"] as const, (method) =>
          Effect.map(send(ask(url, method)), ({ body }) => {
            const { headers } = JSON.parse(body ?? "")
            return [method, headers["content-length"], headers["transfer-encoding"]]
          }))
        deepStrictEqual(lengths, [
          ["POST", "0", undefined],
          ["PATCH", "0", undefined],
          ["DELETE", undefined, undefined],
          ["OPTIONS", undefined, undefined]
        ])
        const empty = yield* send(patch(url, lent(0)))
        assert.strictEqual(JSON.parse(empty.body ?? "").headers["content-length"], "0")
      }))

    it.scopedLive("ends with its trailers", () =>
      Effect.gen(function*() {
        const { send, trailers } = yield* transport()
        assert.isTrue(trailers)
        const { url } = yield* http((request, response) => {
          request.resume().on("end", () => response.end(JSON.stringify([request.headers, request.trailers])))
        })
        const body = lent(mebibyte)
        const answer = yield* send(
          patch(url, { ...body, trailers: () => ({ "upload-checksum": `of ${body.pulled()}` }) }, {
            headers: { trailer: "upload-checksum" }
          })
        )
        const [headers, trailer] = JSON.parse(answer.body ?? "")
        assert.strictEqual(headers["transfer-encoding"], "chunked")
        assert.isUndefined(headers["content-length"])
        deepStrictEqual(trailer, { "upload-checksum": `of ${mebibyte}` })
      }))

    it.scopedLive("reports the bytes that have left, piece by piece", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http((request, response) => request.resume().on("end", () => response.end()))
        const body = lent(5 * mebibyte + 1, 3 * mebibyte)
        const told: Array<number> = []
        const ahead: Array<number> = []
        yield* send(patch(url, body, {
          onSent: (bytes) => {
            told.push(bytes)
            ahead.push(body.pulled() - told.reduce((sum, each) => sum + each, 0))
          }
        }))
        assert.strictEqual(told.reduce((sum, each) => sum + each, 0), body.length)
        assert.isTrue(told.every((bytes) => bytes > 0 && bytes <= 2 * mebibyte))
        assert.isTrue(ahead.every((bytes) => bytes >= 0))
      }))

    it.scopedLive("pulls no more than the connection accepts", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* raw(() => {})
        const other = yield* http((_, response) => response.end())
        const body = lent(256 * mebibyte)
        let sent = 0
        const running = yield* Effect.fork(send(patch(url, body, {
          onSent: (bytes) => {
            sent += bytes
          }
        })))
        yield* Effect.repeatN(send(ask(other.url)), 300)
        const pulled = body.pulled()
        assert.isAbove(pulled, 0)
        yield* Effect.repeatN(send(ask(other.url)), 300)
        assert.strictEqual(body.pulled(), pulled)
        assert.isBelow(pulled, 8 * mebibyte)
        assert.isAtMost(sent, pulled)
        yield* Fiber.interrupt(running)
      }))

    it.scopedLive("whose body has another length than announced is a defect, and no bytes of it reach the next request", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http(echo)
        for (const length of [99, 101]) {
          for (const body of [lent(100, 40), known(100)]) {
            const exit = yield* Effect.exit(send(patch(url, { ...body, length })))
            assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
          }
        }
        assert.strictEqual((yield* send(ask(url))).status, 200)
      }))
  })

  describe("a response", () => {
    it.scopedLive("has one value for several lines of a name, with any status", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* answering(
          "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 307 Go\r\nLocation: /b\r\nVary: A\r\nVary: b\r\n"
            + "Upload-Offset: 1\r\nUpload-Offset: 2\r\nContent-Length: 0\r\n\r\n"
        )
        deepStrictEqual(yield* send(ask(url, "OPTIONS")), {
          status: 307,
          headers: { location: "/b", vary: "A, b", "upload-offset": "1, 2", "content-length": "0" }
        })
      }))

    it.scopedLive("to HEAD has no body", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { sockets, url } = yield* answering(
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        )
        assert.isUndefined((yield* send(ask(url))).body)
        assert.strictEqual((yield* send(ask(url, "OPTIONS"))).body, "hello")
        assert.strictEqual(sockets.length, 1)
      }))

    it.scopedLive("is cut, and not read to its end if it is much too long", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { sockets, url } = yield* http((request, response) => {
          if (request.method === "OPTIONS") {
            response.end("é".repeat(10_000))
          } else {
            const flood = () => {
              while (!response.destroyed && response.write("x".repeat(10_000))) {}
            }
            response.on("drain", flood)
            flood()
          }
        })
        assert.strictEqual((yield* send(ask(url, "OPTIONS"))).body, "é".repeat(maxText))
        assert.strictEqual((yield* send(ask(url, "POST"))).body, "x".repeat(maxText))
        assert.strictEqual(sockets.length, 1)
        yield* Effect.promise(() => new Promise((resolve) => sockets[0]?.once("close", resolve)))
      }))

    it.scopedLive("ends the sending of a body while the server still reads", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http((request, response) => {
          let size = 0
          request.on("error", () => {}).on("data", (bytes: Buffer) => {
            size += bytes.length
            if (size > mebibyte && !response.headersSent) {
              response.writeHead(413, { "content-length": 9 }).end("too large")
            }
          })
        })
        const body = lent(256 * mebibyte)
        const { body: text, status } = yield* send(patch(url, body))
        deepStrictEqual([status, text], [413, "too large"])
        assert.isBelow(body.pulled(), 128 * mebibyte)
      }))

    it.scopedLive("ends the sending of a body that the server does not read", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http((_, response) => response.writeHead(401, { "content-length": 4 }).end("who?"))
        const { body: text, status } = yield* send(patch(url, lent(256 * mebibyte)))
        deepStrictEqual([status, text], [401, "who?"])
      }))

    it.scopedLive("is returned with its text so far if the server does not end it before the body ends", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http((request, response) => {
          request.on("error", () => {}).once("data", () => response.writeHead(413).write("too l")).resume()
        })
        const { body: text, status } = yield* send(patch(url, lent(256 * mebibyte)))
        deepStrictEqual([status, text], [413, "too l"])
      }))

    it.scopedLive("is returned even if a reset follows", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* raw((socket) => {
          let size = 0
          socket.on("data", (bytes: Buffer) => {
            size += bytes.length
            if (size > 200_000) {
              socket.pause().write("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsorry")
              socket.destroy()
            }
          }).resume()
        })
        // A reset between reading and writing can still lose the response.
        const statuses = yield* Effect.forEach(
          Array.from({ length: 60 }, () => patch(url, lent(64 * mebibyte))),
          (request) =>
            send(request).pipe(
              Effect.map(({ status }) => status),
              Effect.catchTag("TransportError", ({ reason }) => Effect.succeed(reason))
            )
        )
        assert.isAbove(statuses.filter((status) => status === 413).length, 40, String(statuses))
        assert.isTrue(statuses.every((status) => status === 413 || status === "Closed"))
      }))

    it.scopedLive("that comes before the last bytes of the source waits for them, and the connection is kept", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { sockets, url } = yield* http((request, response) => request.resume().on("end", () => response.end()))
        const answers = yield* told("http.client.response.finish")
        const late = (last: Stream.Stream<never, typeof broken>) => {
          const count = answers.length
          return patch(url, {
            length: 100,
            open: Pull.fromStream(Stream.concat(
              Pull.toStream(lent(100).open),
              Stream.unwrap(Effect.as(Effect.repeat(turn, { until: () => answers.length > count }), last))
            ))
          })
        }
        assert.strictEqual((yield* send(late(Stream.empty))).status, 200)
        assert.strictEqual((yield* send(late(Stream.empty))).status, 200)
        assert.strictEqual(sockets.length, 1)
        assert.strictEqual(yield* Effect.flip(send(late(Stream.fail(broken)))), broken)
      }))
  })

  describe("a connection", () => {
    it.scopedLive("is kept for the next request, and no longer than the layer", () =>
      Effect.gen(function*() {
        const { sockets, url } = yield* http((request, response) =>
          request.resume().on("end", () => response.end("ok"))
        )
        yield* Effect.scoped(Effect.gen(function*() {
          const { send } = yield* transport()
          for (
            const request of [ask(url), patch(url, lent(mebibyte)), ask(url, "POST"), patch(url, lent(10)), ask(url)]
          ) {
            yield* send(request)
          }
          assert.strictEqual(sockets.length, 1)
          assert.isFalse(sockets[0]?.destroyed)
        }))
        yield* Effect.promise(() =>
          new Promise((resolve) => sockets[0]?.destroyed ? resolve(0) : sockets[0]?.once("close", resolve))
        )
      }))

    it.scopedLive("is kept after a response to HEAD without Content-Length, if the server allows it", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const head = "HTTP/1.1 200 OK\r\nUpload-Offset: 5\r\n"
        const keeping = yield* answering(
          `${head}Connection: keep-alive\r\n\r\n`,
          `${head}Connection: Keep-Alive\r\n\r\n`
        )
        yield* Effect.repeatN(send(ask(keeping.url)), 1)
        assert.strictEqual(keeping.sockets.length, 1)
        for (const connection of ["", "Connection: close\r\n"]) {
          const closing = yield* answering(`${head}${connection}\r\n`)
          yield* Effect.repeatN(send(ask(closing.url)), 1)
          assert.strictEqual(closing.sockets.length, 2)
        }
      }))

    it.scopedLive("that was kept too long is replaced for safe requests, and its loss is reported for others", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const kept = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        const { sockets, url } = yield* raw((socket) => {
          let count = 0
          socket.on("data", (bytes: Buffer) => {
            if (bytes.includes("\r\n\r\n")) {
              count += 1
              if (count === 1) {
                socket.write(kept)
              } else {
                socket.resetAndDestroy()
              }
            }
          }).resume()
        })
        for (const method of ["HEAD", "OPTIONS"] as const) {
          assert.strictEqual((yield* send(ask(url))).status, 200)
          assert.strictEqual((yield* send(ask(url, method))).status, 200)
        }
        const count = sockets.length
        for (const request of [ask(url, "POST"), ask(url, "DELETE"), patch(url, lent(10)), patch(url, known(10))]) {
          assert.strictEqual((yield* send(ask(url))).status, 200)
          assert.strictEqual(yield* reasonOf(send(request)), "Closed")
        }
        assert.isAtLeast(sockets.length, count + 3)
      }))

    it.scopedLive("is waited for at the limit of connections, and an interrupted request leaves the queue", () =>
      Effect.gen(function*() {
        const { send } = yield* transport({ connections: 1 })
        const { sockets, url } = yield* raw(() => {})
        const free = yield* http(echo)
        const first = yield* Effect.fork(send(ask(url)))
        const second = yield* Effect.fork(send(ask(url)))
        yield* Effect.repeatN(send(ask(free.url)), 30)
        assert.strictEqual(sockets.length, 1)
        const third = yield* Effect.fork(send(ask(url)))
        yield* Fiber.interrupt(third)
        yield* Fiber.interrupt(first)
        yield* Effect.repeatN(send(ask(free.url)), 30)
        assert.strictEqual(sockets.length, 2)
        yield* Fiber.interrupt(second)
      }))
  })

  describe("an interrupted or failed request", () => {
    it.scopedLive("has ended when its interruption returns, and its memory is given back only then", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const begun = yield* connections
        const { sockets, url } = yield* raw(() => {})
        let atEnd: boolean | undefined
        let quiet = 0
        const body = lent(256 * mebibyte, mebibyte, () => {
          atEnd = begun[0]?.socket.closed
        })
        const running = yield* Effect.fork(send(patch(url, body, { onSent: () => void (quiet = 0) })))
        const other = yield* http((_, response) => response.end())
        // Until the connection accepts no more, and a write waits.
        yield* Effect.repeat(Effect.zipRight(send(ask(other.url)), Effect.sync(() => (quiet += 1))), {
          until: (count) => count > 100
        })
        yield* Fiber.interrupt(running)
        assert.isTrue(atEnd)
        assert.isTrue(begun[0]?.socket.closed)
        const pulled = body.pulled()
        const received = yield* Effect.promise(() =>
          new Promise<Buffer>((resolve) => {
            const chunks: Array<Buffer> = []
            sockets[0]?.on("data", (bytes: Buffer) => chunks.push(bytes)).resume()
              .once("close", () => resolve(Buffer.concat(chunks)))
          })
        )
        assert.isBelow(received.length, pulled)
        assert.isFalse(received.includes(0xff))
        assert.strictEqual(body.pulled(), pulled)
      }))

    it.scopedLive("fails with the error of its source, and the server sees that the body is not complete", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const begun = yield* connections
        const seen = yield* Deferred.make<boolean>()
        const { url } = yield* http((request) => {
          request.resume().on("error", () => {}).on(
            "close",
            () => Deferred.unsafeDone(seen, Effect.succeed(request.complete))
          )
        })
        assert.strictEqual(yield* Effect.flip(send(patch(url, failing(mebibyte)))), broken)
        assert.isTrue(begun[0]?.socket.closed)
        assert.isFalse(yield* Deferred.await(seen))
      }))

    it.scopedLive("is not repeated, although its connection had been used before", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        let heads = 0
        const { sockets, url } = yield* http((_, response) => {
          heads += 1
          if (heads === 1) {
            response.setHeader("content-length", "0").end()
          }
        })
        yield* send(ask(url))
        const running = yield* Effect.fork(send(ask(url)))
        yield* Effect.repeat(turn, { until: () => heads === 2 })
        yield* Fiber.interrupt(running)
        const other = yield* http(echo)
        yield* Effect.repeatN(send(ask(other.url)), 10)
        assert.strictEqual(heads, 2)
        assert.strictEqual(sockets.length, 1)
      }))

    it.scopedLive("fails with the error that its trailers throw", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* http(echo)
        const defect = new Error("no digest")
        const trailers = () => {
          throw defect
        }
        const exit = yield* Effect.exit(send(patch(url, { ...lent(1000), trailers })))
        assert.isTrue(Exit.isFailure(exit) && Cause.contains(exit.cause, Cause.die(defect)), String(exit))
      }))

    it.scopedLive("ends at once while it waits for a connection", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { sockets, url } = yield* raw(() => {})
        const running = yield* Effect.fork(send(ask(url.replace("http:", "https:"))))
        const other = yield* http(echo)
        yield* Effect.repeatN(send(ask(other.url)), 10)
        assert.strictEqual(sockets.length, 1)
        yield* Fiber.interrupt(running)
      }))
  })

  describe("a response that fails", () => {
    it.scopedLive("has no time limit with Infinity", () =>
      Effect.gen(function*() {
        const { url } = yield* http(echo)
        const slow = yield* raw((socket) => void setTimeout(() => socket.destroy(), 200))
        for (const connectTimeout of [Infinity, "30 days"] as const) {
          const { send } = yield* transport({ connectTimeout })
          assert.strictEqual((yield* send({ ...ask(url), stallTimeout: Infinity })).status, 200)
          assert.strictEqual(yield* reasonOf(send(ask(slow.url.replace("http:", "https:")))), "Closed")
        }
      }))

    for (
      const [title, answer, reason] of [
        ["that is empty is Closed", "", "Closed"],
        ["whose head is cut off is Closed", "HTTP/1.1 200 OK\r\nContent-", "Closed"],
        ["whose body is cut off is Closed", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "Closed"],
        [
          "whose chunks are cut off is Closed",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
          "Closed"
        ],
        ["that is not HTTP is NotHttp", "220 mail.example.com ESMTP\r\n", "NotHttp"],
        ["with an invalid head is NotHttp", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "NotHttp"]
      ] as const
    ) {
      it.scopedLive(title, () =>
        Effect.gen(function*() {
          const { send } = yield* transport()
          const { url } = yield* from(answer)
          assert.strictEqual(yield* reasonOf(send(ask(url, "OPTIONS"))), reason)
          assert.strictEqual(yield* reasonOf(send(patch(url, lent(100)))), reason)
          assert.strictEqual(yield* reasonOf(send(patch(url, known(100)))), reason)
        }))
    }

    it.scopedLive("that has no length ends with its connection, without an error", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* from("HTTP/1.1 200 OK\r\n\r\nhello")
        assert.strictEqual((yield* send(ask(url, "OPTIONS"))).body, "hello")
      }))

    it.scopedLive("from a server that resets in the middle of a body is Closed", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* raw((socket) => {
          head(socket).then(() => socket.resetAndDestroy())
        })
        assert.strictEqual(yield* reasonOf(send(patch(url, lent(64 * mebibyte)))), "Closed")
      }))

    it.scopedLive("is Unreachable if no server listens, or if the name is unknown", () =>
      Effect.gen(function*() {
        const { send } = yield* transport()
        const { url } = yield* Effect.scoped(raw(() => {}))
        const urls = [
          url,
          url.replace("127.0.0.1", "localhost"),
          "http://nowhere.invalid/"
        ]
        for (const each of urls) {
          assert.strictEqual(yield* reasonOf(send(ask(each))), "Unreachable", each)
          assert.strictEqual(yield* reasonOf(send(patch(each, lent(100)))), "Unreachable", each)
          assert.strictEqual(yield* reasonOf(send(patch(each, known(100)))), "Unreachable", each)
        }
      }))

    it.scopedLive("is Unreachable if no connection is made in time", () =>
      Effect.gen(function*() {
        const { send } = yield* transport({ connectTimeout: "50 millis" })
        const { sockets, url } = yield* raw(() => {})
        const error = yield* Effect.flip(send(ask(url.replace("http:", "https:"))))
        assert.strictEqual(error.message, "no connection within 50ms")
        assert.strictEqual(error.reason, "Unreachable")
        assert.strictEqual(sockets.length, 1)
      }))
  })

  it.scopedLive("does not occur for 1 GiB, which needs little memory", () =>
    Effect.gen(function*() {
      const { send } = yield* transport()
      const { url } = yield* http((request, response) => request.resume().on("end", () => response.end()))
      const buffer = new Uint8Array(512 * 1024)
      const stream = (length: number) => Stream.take(Stream.repeatValue(buffer), length / buffer.length)
      const body = (length: number) => patch(url, { length, open: Pull.fromStream(Stream.rechunk(stream(length), 1)) })
      yield* send(body(64 * mebibyte))
      const before = process.memoryUsage().rss
      let peak = before
      yield* send({
        ...body(1024 * mebibyte),
        onSent: () => {
          peak = Math.max(peak, process.memoryUsage().rss)
        }
      })
      assert.isBelow(peak - before, 64 * mebibyte)
    }), 120_000)
})
