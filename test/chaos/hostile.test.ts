/**
 * Many hostile or slow clients against a server process: its memory is bounded, other clients are served, every
 * connection is answered or closed, and nothing is left behind.
 *
 * The bounds: Node takes less than 8 KiB per connection. An open upload takes about 80 KiB more for its request, and as
 * much again until the garbage collector runs. Everything else fits into `slack`.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Exchange from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { type Client, headOf, request, statusesOf } from "../support/raw.js"
import { victim } from "./victim.js"

const many = 5000
/** In MiB. */
const slack = 128
const limit = 120_000

/** The headers of a creation with upload. */
const creation = (length: number) => headOf(Exchange.post({ "upload-length": length, "content-length": length }, ""))

const destroy = (clients: ReadonlyArray<Client>) => clients.forEach((client) => client.destroy())
const closing = (clients: ReadonlyArray<Client>) => Promise.all(clients.map(({ closed }) => closed))
const send = (clients: ReadonlyArray<Client>, text: string) => Promise.all(clients.map((client) => client.send(text)))

needs("descriptors", "prlimit")("a hostile client", () => {
  it.scopedLive("with 5,000 idle connections costs at most 16 KiB each", () =>
    Effect.gen(function*() {
      const { connect, descriptors, growth, survives, upload } = yield* victim()
      yield* Effect.promise(async () => {
        let clients: ReadonlyArray<Client> = []
        const grown = await growth(async () => {
          clients = await connect(many)
          await upload()
        })
        assert.isAtLeast(descriptors().others, many)
        assert.isBelow(grown, (many * 16) / 1024)
        destroy(clients)
        await survives()
      })
    }), limit)

  it.scopedLive(
    "with 5,000 uploads that send a byte now and then costs at most 160 KiB each",
    () =>
      Effect.gen(function*() {
        const { connect, growth, survives, upload } = yield* victim()
        yield* Effect.promise(async () => {
          let clients: ReadonlyArray<Client> = []
          const grown = await growth(async () => {
            clients = await connect(many)
            await send(clients, creation(100))
            for (let i = 0; i < 4; i++) {
              await send(clients, "a")
              await upload()
            }
          })
          assert.isBelow(grown, (many * 160) / 1024)
          await send(clients, "a".repeat(96))
          await Promise.all(clients.map(({ received }) => received(/^HTTP\/1.1 201 [^]*upload-offset: 100\r\n/)))
          destroy(clients)
          await survives()
        })
      }),
    limit
  )

  it.scopedLive(
    "with 500 heads that arrive byte by byte is refused after the head timeout",
    () =>
      Effect.gen(function*() {
        const { connect, growth, survives, upload } = yield* victim({ headersTimeout: "2 seconds" })
        yield* Effect.promise(async () => {
          const grown = await growth(async () => {
            const clients = await connect(500)
            await send(clients, "HEAD /files HTTP/1.1\r\nX-A: ")
            let open = clients
            clients.forEach((client) => client.socket.once("close", () => open = open.filter((one) => one !== client)))
            while (open.length > 0) {
              await Promise.race([send(open, "a"), closing(open)])
              await upload()
            }
            for (const text of await closing(clients)) {
              deepStrictEqual(statusesOf(text), [408])
            }
          })
          assert.isBelow(grown, slack)
          await survives()
        })
      }),
    limit
  )

  it.scopedLive(
    "with 500 bodies that stop is cut off, and gets the offsets",
    () =>
      Effect.gen(function*() {
        const { connect, growth, survives, upload } = yield* victim({ idleTimeout: "1 second" })
        yield* Effect.promise(async () => {
          const grown = await growth(async () => {
            const clients = await connect(500)
            await send(clients, `${creation(100)}abc`)
            await upload()
            for (const text of await closing(clients)) {
              assert.match(text, /^HTTP\/1.1 201 [^]*upload-offset: 3\r\n[^]*connection: close\r\n/)
            }
          })
          assert.isBelow(grown, slack)
          await survives()
        })
      }),
    limit
  )

  it.scopedLive(
    "that pipelines 200,000 requests on ten connections without reading is cut off",
    () =>
      Effect.gen(function*() {
        const { connect, growth, survives, upload } = yield* victim()
        yield* Effect.promise(async () => {
          const grown = await growth(async () => {
            const clients = await connect(10)
            const flood = headOf(Exchange.create(1)).repeat(20_000)
            send(clients, flood).catch(() => {})
            await upload()
            await closing(clients)
          })
          assert.isBelow(grown, slack)
          await survives()
        })
      }),
    limit
  )

  it.scopedLive("with 200 endless request lines is refused", () =>
    Effect.gen(function*() {
      const { connect, growth, survives, upload } = yield* victim()
      yield* Effect.promise(async () => {
        const grown = await growth(async () => {
          const clients = await connect(200)
          send(clients, `HEAD /${"a".repeat(1_000_000)}`).catch(() => {})
          await upload()
          for (const text of await closing(clients)) {
            deepStrictEqual(statusesOf(text), [431])
          }
        })
        assert.isBelow(grown, slack)
        await survives()
      })
    }), limit)

  it.scopedLive(
    "that sends every byte of an upload as a chunk with long extensions has the right bytes in the end",
    () =>
      Effect.gen(function*() {
        const { connect, create, offsetOf, survives, upload } = yield* victim()
        yield* Effect.promise(async () => {
          const path = await create(1000)
          const [client] = await connect(1)
          await client?.send(headOf({ ...Exchange.patch(path, 0, ""), chunked: true }))
          for (let i = 0; i < 300; i++) {
            for (const piece of ["00000", "1;", "a".repeat(100), "\r", "\n", "x", "\r\n"]) {
              await client?.send(piece)
            }
          }
          await upload()
          await client?.send("0\r\n\r\n")
          await client?.received(/^HTTP\/1.1 204 /)
          assert.strictEqual(await offsetOf(path), 300)
          client?.destroy()
          await survives()
        })
      }),
    limit
  )

  it.scopedLive(
    "that uses up the descriptors makes the server lose no upload, and the server recovers",
    () =>
      Effect.gen(function*() {
        const { connect, create, descriptors, limitDescriptors, offsetOf, upload } = yield* victim()
        yield* Effect.promise(async () => {
          const path = await create(100)
          const { others } = descriptors()
          const [witness, ...clients] = await connect(100)
          limitDescriptors(20)
          await send(clients, `${creation(100)}abc`)
          await Promise.any(clients.map(({ received }) => received(/^HTTP\/1.1 500 /)))
          await witness?.send(request("HEAD", path))
          await witness?.received(/^HTTP\/1.1 200 [^]*upload-offset: 0\r\n/)
          destroy([...clients, ...(witness === undefined ? [] : [witness])])
          // As long as no descriptor is free, connections are closed when they are accepted.
          while (descriptors().others > others || await offsetOf(path).catch(() => -1) !== 0) {}
          await upload()
        })
      }),
    limit
  )
})
