import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Socket from "../node/socket.js"
import { type Answer, type Ask, doors } from "./doors.js"
import { type Exchange, scenarios } from "./exchanges.js"

for (const [name, open] of Object.entries(doors)) {
  describe(name, () => {
    for (const { connected, exchanges, policy, title, trailers } of scenarios) {
      it.scopedLive(title, () =>
        Effect.gen(function*() {
          const door = yield* open(policy)
          if (
            (trailers !== undefined && trailers !== door.trailers) || (connected === true && door.port === undefined)
          ) {
            return
          }
          yield* Effect.promise(() => play(door.ask, exchanges))
        }))
    }

    it.scopedLive("a refusal in the middle of a large body arrives as a response, not as a reset", () =>
      Effect.gen(function*() {
        const { ask } = yield* open()
        yield* Effect.promise(async () => {
          const path = await createUpload(ask, 4 * mebibyte)
          const patch = (offset: number) => ({
            method: "PATCH",
            path,
            headers: { ...stream, "upload-offset": String(offset) },
            body: "x".repeat(16 * mebibyte),
            chunked: true
          })
          assert.strictEqual((await ask(patch(7))).status, 409)
          assert.strictEqual((await ask(patch(0))).status, 413)
          assert.strictEqual(
            (await ask({ method: "HEAD", path, headers: tus })).headers["upload-offset"],
            `${4 * mebibyte}`
          )
        })
      }))

    it.scopedLive("a socket that closes in the middle of a body leaves its bytes and a free lock", () =>
      Effect.gen(function*() {
        const { ask, port } = yield* open()
        if (port === undefined) {
          return
        }
        yield* Effect.promise(async () => {
          const path = await createUpload(ask, 1000)
          const client = await Socket.open(port)
          await client.send(Socket.patch(path, 0, 1000) + "x".repeat(300))
          let offset = "0"
          for (let tries = 0; offset === "0"; tries++) {
            if (tries === 1) {
              client.destroy()
            }
            await new Promise((resolve) => setTimeout(resolve, 20))
            offset = (await ask({ method: "HEAD", path, headers: tus })).headers["upload-offset"] ?? ""
          }
          assert.strictEqual(offset, "300")
          const headers = { ...stream, "upload-offset": offset }
          assert.strictEqual((await ask({ method: "PATCH", path, headers, body: "y".repeat(700) })).status, 204)
        })
      }))
  })
}

const mebibyte = 1024 * 1024
const tus = { "tus-resumable": "1.0.0" }
const stream = { ...tus, "content-type": "application/offset+octet-stream" }

const createUpload = async (ask: Ask, length: number) => {
  const headers = { ...tus, "upload-length": String(length) }
  return (await ask({ method: "POST", path: "/files", headers })).headers.location ?? ""
}

const play = async (ask: Ask, exchanges: ReadonlyArray<Exchange>) => {
  const saved = new Map<string, string>()
  const fill = (text: string) => text.replaceAll(/\{(\w+)\}/g, (_, name: string) => saved.get(name) ?? `{${name}}`)
  for (const [i, exchange] of exchanges.entries()) {
    const headers = Object.fromEntries(Object.entries(exchange.headers ?? {}).map(([k, v]) => [k, fill(v)]))
    const asked = { ...exchange, headers, path: fill(exchange.path ?? "/files") }
    const answer = await ask(asked)
    check(`#${i} ${asked.method} ${asked.path} ${JSON.stringify(headers)}`, exchange, answer)
    if (exchange.save !== undefined) {
      saved.set(exchange.save, answer.headers.location ?? "")
    }
  }
}

const check = (what: string, { expect = {}, method, status, text }: Exchange, answer: Answer) => {
  assert.strictEqual(answer.status, status, `${what}: ${answer.text}`)
  assert.strictEqual(answer.headers["tus-resumable"], "1.0.0", what)
  for (const [header, value] of Object.entries(expect)) {
    const actual = answer.headers[header]
    if (value === null) {
      assert.isUndefined(actual, `${what}: ${header}`)
    } else if (typeof value === "string") {
      assert.strictEqual(actual, value, `${what}: ${header}`)
    } else {
      assert.match(actual ?? "", value, `${what}: ${header}`)
    }
  }
  if (status >= 400 && method !== "HEAD") {
    assert.match(answer.headers["content-type"] ?? "", /^text\/plain/, what)
    assert.match(answer.text, /^[^\n]{10,400}\n$/, what)
  }
  if (text !== undefined) {
    assert.match(answer.text, text, what)
  }
}
