import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type Answer, type Ask, doors } from "./doors.js"
import { type Exchange, scenarios } from "./exchanges.js"

for (const [name, open] of Object.entries(doors)) {
  describe(name, () => {
    for (const { exchanges, policy, title, trailers } of scenarios) {
      it.scopedLive(title, () =>
        Effect.gen(function*() {
          const door = yield* open(policy)
          if (trailers !== undefined && trailers !== door.trailers) {
            return
          }
          yield* Effect.promise(() => play(door.ask, exchanges))
        }))
    }
  })
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
