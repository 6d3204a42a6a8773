/**
 * A client and a server whose answers a test can replace. Time advances only when nothing else can happen.
 */
import { TusDialect, UploadStore } from "effect-tus"
import { TusClient, type TusTransport } from "effect-tus/client"
import { type TusPolicy, UploadHooks } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { RawResponse } from "../../src/wire/Message.js"
import { server, transport } from "../loopback.js"

export type Answer = ReturnType<TusTransport.TusTransport["Type"]["send"]>
export type Exchange = (request: TusTransport.Request) => Answer

/** Answers a request instead of the server; `undefined` if the server should answer. */
export type Script = (request: TusTransport.Request, exchange: Exchange, nth: number) => Answer | undefined

export interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly length: number | undefined
}

export interface Options {
  readonly client?: TusClient.ClientOptions
  readonly policy?: TusPolicy.Options
  readonly hooks?: UploadHooks.Hooks
  readonly trailers?: boolean
}

/** The requests that were sent, and the layer to send them with. */
export const world = (script: Script = () => undefined, { client, hooks = {}, policy, trailers }: Options = {}) => {
  const requests: Array<Sent> = []
  const network = transport((request, exchange) => {
    const { body, headers, method, url } = request
    requests.push({ method, url, headers, length: body?.length })
    return script(request, exchange, requests.filter((sent) => sent.method === method).length) ?? exchange(request)
  }, trailers)
  const layer = TusClient.layer(client).pipe(
    Layer.provideMerge(network),
    Layer.provideMerge(server(policy)),
    Layer.provide(Layer.succeed(UploadHooks.UploadHooks, hooks))
  )
  return { requests, layer, methods: () => requests.map(({ method }) => method).join(" ") }
}

export const answer = (status: number, headers: Readonly<Record<string, string>> = {}, body = "scripted"): Answer =>
  Effect.succeed<RawResponse>({ status, headers, body })

/** Advances the clock whenever everything waits for it. */
export const passing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    while (Option.isNone(yield* Fiber.poll(fiber))) {
      const sleeps = yield* TestClock.sleeps()
      if (!Chunk.isEmpty(sleeps)) {
        yield* TestClock.setTime(Math.min(...sleeps))
      }
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    }
    return yield* Fiber.join(fiber)
  })

const idOf = (url: string) =>
  Effect.flatMap(
    TusDialect.decode({ method: "HEAD", url: new URL(url).pathname, headers: { "tus-resumable": "1.0.0" } }, {
      path: "/files"
    }),
    (command) => command._tag === "Inspect" ? Effect.succeed(command.id) : Effect.dieMessage("no upload")
  )

/** The bytes that the server has. */
export const storedAt = Effect.fnUntraced(function*(url: string) {
  const id = yield* idOf(url)
  const store = yield* UploadStore.UploadStore
  const { upload } = yield* store.get(id)
  return Buffer.concat([...(yield* Stream.runCollect(store.read(id, { start: 0, end: upload.offset })))])
})

export const metadataAt = Effect.fnUntraced(function*(url: string) {
  const store = yield* UploadStore.UploadStore
  return (yield* store.get(yield* idOf(url))).upload.metadata
})
