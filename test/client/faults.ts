/**
 * A network and a server whose failures a seed decides.
 */
import { Pull } from "effect-tus"
import { TusTransport, UploadSource } from "effect-tus/client"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { RawResponse } from "../../src/wire/Message.js"

type Answer = ReturnType<TusTransport.TusTransport["Type"]["send"]>
type Exchange = (request: TusTransport.Request) => Answer

export const faults = [
  "lost request",
  "lost response",
  "cut body",
  "delay",
  "duplicate",
  "5xx",
  "423",
  "429",
  "401",
  "413",
  "460",
  "expired",
  "wrong offset",
  "html"
] as const
export type Fault = (typeof faults)[number]

const closed = new TusTransport.TransportError({ reason: "Closed", cause: "simulated" })

const answer = (status: number, headers: Readonly<Record<string, string>> = {}): RawResponse => ({
  status,
  headers,
  body: "simulated"
})

/** One exchange with a fault. */
export const spoil = (
  fault: Fault,
  request: TusTransport.Request,
  exchange: Exchange,
  random: () => number
): Answer => {
  const { body } = request
  switch (fault) {
    case "lost request":
      return Effect.fail(closed)
    case "lost response":
      return Effect.zipRight(exchange(request), Effect.fail(closed))
    case "cut body":
      return body === undefined
        ? Effect.fail(closed)
        : Effect.zipRight(
          Effect.ignore(
            exchange({ ...request, body: { ...body, open: cut(body.open, Math.floor(random() * body.length)) } })
          ),
          Effect.fail(closed)
        )
    case "delay":
      return random() < 0.5
        ? Effect.delay(exchange(request), random() * 45_000)
        : Effect.zipLeft(exchange(request), Effect.sleep(random() * 45_000))
    case "duplicate":
      return Effect.gen(function*() {
        const bytes = body === undefined ? [] : Chunk.toReadonlyArray(
          yield* Stream.runCollect(Stream.map(Pull.toStream(body.open), (bytes) => bytes.slice()))
        )
        const again = body === undefined
          ? request
          : { ...request, body: { ...body, open: Pull.fromStream(Stream.fromIterable(bytes)) } }
        const trailers = body?.trailers?.()
        const same = again.body === undefined || trailers === undefined
          ? again
          : { ...again, body: { ...again.body, trailers: () => trailers } }
        const first = yield* exchange(same)
        const second = yield* exchange(same)
        return random() < 0.5 ? first : second
      })
    case "5xx":
      return Effect.succeed(answer(500 + Math.floor(random() * 5)))
    case "423":
      return Effect.succeed(answer(423, { "retry-after": "1" }))
    case "429":
      return Effect.succeed(answer(429, random() < 0.5 ? {} : { "retry-after": String(Math.floor(random() * 120)) }))
    case "401":
      return Effect.succeed(answer(401))
    case "413":
      return Effect.succeed(body !== undefined && body.length > 200 ? answer(413) : answer(503))
    case "460":
      return Effect.succeed(answer(body === undefined ? 503 : 460))
    case "html":
      return Effect.succeed({ status: 200, headers: { "content-type": "text/html" }, body: "<h1>Welcome</h1>" })
    case "expired":
      return Effect.zipRight(
        request.method === "PATCH" || request.method === "HEAD"
          ? exchange({ method: "DELETE", url: request.url, headers: { "tus-resumable": "1.0.0" } })
          : Effect.void,
        exchange(request)
      )
    case "wrong offset":
      return Effect.map(exchange(request), (response) => {
        const offset = response.headers["upload-offset"]
        return offset === undefined || random() < 0.5
          ? response
          : { ...response, headers: { ...response.headers, "upload-offset": lie(Number(offset), random) } }
      })
  }
}

/**
 * A wrong offset. It is even, and lengths of uploads here are odd, since a server that claims to have all bytes is
 * believed.
 */
const lie = (offset: number, random: () => number) =>
  String(Math.max(0, Math.floor((offset + (random() - 0.5) * 4000) / 2) * 2))

/** The first `count` bytes of a body, whose connection then breaks. */
const cut = (open: TusTransport.Body["open"], count: number): TusTransport.Body["open"] =>
  Pull.toStream(open).pipe(
    Stream.mapAccum(count, (left, bytes) => [left - bytes.length, bytes.subarray(0, Math.max(0, left))]),
    Stream.takeWhile((bytes) => bytes.length > 0),
    Stream.concat(Stream.fail(gone)),
    Pull.fromStream
  )

const gone = new UploadSource.SourceError({ reason: "Spent", source: "simulated", detail: "cut" })
