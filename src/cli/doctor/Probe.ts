/**
 * Single requests to the examined server. One of them is sent by no real client: its body is cut off on purpose.
 */
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Pull from "../../bytes/Pull.js"
import { fromTransport, Misbehaved, type RequestError } from "../../client/transport/TusError.js"
import { type Body, type Request, TusTransport } from "../../client/transport/TusTransport.js"
import * as Header from "../../wire/Header.js"
import type { RawResponse } from "../../wire/Message.js"
import * as BodyHeaders from "../../wire/tus/BodyHeaders.js"
import { version } from "../../wire/tus/DiscoveryHeaders.js"
import * as Text from "../terminal/Text.js"

/** Bytes that are sent before the connection is cut: more than a proxy reads into its first buffer. */
const part = 256 * 1024

/** How long bytes may take to pass all proxies. */
const patience: Duration.DurationInput = "1 second"

export interface Options {
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  /** The longest time without any byte. */
  readonly timeout: Duration.Duration
}

export const make = Effect.fnUntraced(function*({ headers: always, timeout }: Options) {
  const { send } = yield* TusTransport

  const ask = (method: Request["method"], url: string, headers: Request["headers"] = {}, body?: Body) =>
    send({
      method,
      url,
      headers: { ...always, ...(method === "OPTIONS" ? {} : tus), ...headers },
      body,
      stallTimeout: Duration.toMillis(timeout),
      answerTimeout: 10 * Duration.toMillis(timeout)
    }).pipe(
      Effect.mapError((error) => fromTransport(about(method, url), error))
    )

  /** The offset of an upload. Fails if the server does not tell it, since nothing else can be examined then. */
  const offsetOf = Effect.fnUntraced(function*(url: string) {
    const { body = "", headers, status } = yield* ask("HEAD", url)
    const offset = Option.flatMap(Option.fromNullable(headers["upload-offset"]), decodeBytes)
    return Option.isSome(offset) ? offset.value : yield* new Misbehaved({
      ...about("HEAD", url),
      reason: "NotTus",
      status,
      text: body,
      expected: "the offset of the upload as Upload-Offset",
      actual: Text.clean(headers["upload-offset"] ?? `${status} without one`)
    })
  })

  /**
   * Sends a PATCH without bytes as a POST. Tries again after a conflict: bytes of the cut body may still arrive and
   * move the offset.
   */
  const override = (url: string, attempts = 10): Effect.Effect<RawResponse, RequestError> =>
    Effect.flatMap(
      offsetOf(url),
      (offset) => ask("POST", url, { ...patchOf(offset), "x-http-method-override": "PATCH" })
    ).pipe(
      Effect.flatMap((answer) =>
        answer.status === 409 && attempts > 1
          ? Effect.delay(override(url, attempts - 1), "250 millis")
          : Effect.succeed(answer)
      )
    )

  /** Announces a body of `size` bytes, sends a part of it, and cuts the connection if no answer comes. */
  const cut = Effect.fnUntraced(function*(url: string, offset: number, size: number) {
    const isSent = yield* Deferred.make<void>()
    const bytes = new Uint8Array(Math.min(part, Math.ceil(size / 2)))
    let isGiven = false
    const pull: Pull.Pull = Effect.suspend(() => {
      if (isGiven) {
        return Effect.zipRight(Deferred.succeed(isSent, undefined), Effect.never)
      }
      isGiven = true
      return Effect.succeed(Chunk.of(bytes))
    })
    const answer = yield* Effect.raceFirst(
      Effect.asSome(ask("PATCH", url, patchOf(offset), { length: size, open: Effect.succeed(Pull.reading(pull)) })),
      Effect.as(Effect.delay(Deferred.await(isSent), patience), Option.none<RawResponse>())
    )
    return { answer, sent: bytes.length }
  })

  /** How many bytes the server has kept behind an offset. Waits a while for the first ones. */
  const keptOf = (url: string, offset: number) =>
    offsetOf(url).pipe(
      Effect.repeat({
        until: (now) => now > offset,
        schedule: Schedule.intersect(Schedule.spaced("250 millis"), Schedule.recurs(12))
      }),
      Effect.zipRight(offsetOf(url)),
      Effect.map((now) => now - offset)
    )

  return { ask, cut, keptOf, offsetOf, override }
})

export type Probe = Effect.Effect.Success<ReturnType<typeof make>>

const about = (method: string, url: string) => ({ method, url, offset: Option.none<number>(), attempts: 1 })

const decodeBytes = Schema.decodeOption(Header.Bytes)

const tus = { "tus-resumable": version }

const patchOf = (offset: number) => ({
  "content-type": BodyHeaders.octets,
  "upload-offset": String(offset)
})
