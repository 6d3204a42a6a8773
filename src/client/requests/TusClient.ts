/**
 * One method per request of tus; no loops, no retries. The classes that the server decodes are encoded here, and the
 * other way round.
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Bytes } from "../../protocol/Upload.js"
import * as HeaderCodec from "../../wire/HeaderCodec.js"
import type { RawResponse } from "../../wire/Message.js"
import * as AppendHeaders from "../../wire/tus/AppendHeaders.js"
import * as BodyHeaders from "../../wire/tus/BodyHeaders.js"
import * as ConcatHeader from "../../wire/tus/ConcatHeader.js"
import * as CreateHeaders from "../../wire/tus/CreateHeaders.js"
import type * as DiscoveryHeaders from "../../wire/tus/DiscoveryHeaders.js"
import type { RequestError } from "../transport/TusError.js"
import { TusTransport } from "../transport/TusTransport.js"
import * as Endpoint from "./Endpoint.js"
import * as Request from "./Request.js"
import * as ResponseReader from "./ResponseReader.js"

export type { Attempt, Call, Chunk, ClientOptions } from "./Request.js"
export type { Info } from "./ResponseReader.js"

/**
 * A new upload: where it is, where it stands, in bytes, and when the server forgets it, none where that is not said.
 */
export interface Created {
  /** Absolute. */
  readonly url: string
  /** Told where bytes came along. */
  readonly offset: Option.Option<number>
  readonly expires: Option.Option<DateTime.Utc>
  /** The whole of it, with what an application adds. */
  readonly answer: RawResponse
}

/** Where an upload stands after a PATCH, in bytes, and when the server forgets it, none where that is not said. */
export interface Appended {
  readonly offset: number
  readonly expires: Option.Option<DateTime.Utc>
  /** The whole of it, with what an application adds. */
  readonly answer: RawResponse
}

/**
 * The requests of tus, each made once. An answer that is not 2xx fails as `Refused`, one that breaks the protocol as
 * `Misbehaved`, none as `Unanswered`, headers that cannot be made as `HeadersError`, bytes that cannot be read as
 * `SourceError`. `TusUpload` makes uploads of them.
 */
export class TusClient extends Context.Tag("effect-tus/TusClient")<TusClient, {
  /** Whether a digest can follow the bytes it is of. */
  readonly trailers: boolean

  /** What is known of an endpoint: one and the same for all who ask. */
  readonly endpoint: (url: string) => Endpoint.Endpoint

  /** What the server can do; none where it does not say. */
  readonly discover: (call: Request.Call) => Effect.Effect<Option.Option<DiscoveryHeaders.Response>, RequestError>

  /** POST to the collection. An upload without a length is told it later. */
  readonly create: (
    call: Request.Call & {
      readonly length: Option.Option<number>
      /** As an Upload-Metadata header. */
      readonly metadata: Option.Option<string>
      readonly partial?: boolean | undefined
      readonly chunk?: Request.Chunk | undefined
    }
  ) => Effect.Effect<Created, RequestError>

  /** POST to the collection: one upload out of partial ones, in this order. */
  readonly concatenate: (
    call: Request.Call & {
      readonly parts: readonly [string, ...Array<string>]
      readonly metadata: Option.Option<string>
    }
  ) => Effect.Effect<Created, RequestError>

  /** HEAD: offset, length, metadata. */
  readonly head: (call: Request.Call) => Effect.Effect<ResponseReader.Info, RequestError>

  /**
   * PATCH: bytes at an offset; the offset that it answers lies within them. `length` where it has become known only
   * now.
   */
  readonly append: (
    call: Request.Call & {
      readonly offset: number
      readonly length: Option.Option<number>
      readonly chunk: Request.Chunk
    }
  ) => Effect.Effect<Appended, RequestError>

  /** DELETE. What is not there need not be removed. */
  readonly terminate: (call: Request.Call) => Effect.Effect<void, RequestError>
}>() {}

/**
 * Over the `TusTransport` that is provided. What the function `headers` needs is taken from where the client is made.
 */
export const make = Effect.fnUntraced(function*<E = never, R = never>(options: Request.ClientOptions<E, R> = {}) {
  const { bodyLimit, trailers } = yield* TusTransport
  const send = yield* Request.make(options)
  const endpoints = new Map<string, Endpoint.Endpoint>()

  return TusClient.of({
    trailers,
    endpoint: (url) => {
      const endpoint = endpoints.get(url) ?? Endpoint.make(url, bodyLimit)
      endpoints.set(url, endpoint)
      return endpoint
    },
    discover: (call) =>
      Effect.map(send(call, { method: "OPTIONS" }), ({ headers }) => ResponseReader.capabilities(headers)),

    create: (call) =>
      send(call, {
        method: "POST",
        headers: encodeCreate({
          ...nothing,
          ...bodyFields(call.chunk),
          length: Option.map(call.length, (length) => Bytes.make(length)),
          deferLength: Option.isNone(call.length) ? Option.some("1") : Option.none(),
          metadata: call.metadata,
          concat: call.partial === true ? Option.some(ConcatHeader.Partial.make()) : Option.none(),
          contentType: call.chunk === undefined ? Option.none() : Option.some(BodyHeaders.octets)
        }),
        offset: call.chunk && 0,
        chunk: call.chunk
      }).pipe(Effect.flatMap((answer) => ResponseReader.created(answer, call.chunk?.length ?? 0))),

    concatenate: (call) =>
      send(call, {
        method: "POST",
        headers: encodeCreate({
          ...nothing,
          metadata: call.metadata,
          concat: Option.some(ConcatHeader.Final.make({ urls: call.parts }))
        })
      }).pipe(Effect.flatMap((answer) => ResponseReader.created(answer, 0))),

    head: (call) => Effect.flatMap(send(call, { method: "HEAD" }), ResponseReader.info),

    append: (call) =>
      send(call, {
        method: "PATCH",
        headers: encodePatch({
          ...bodyFields(call.chunk),
          contentType: BodyHeaders.octets,
          offset: Bytes.make(call.offset),
          length: Option.map(call.length, (length) => Bytes.make(length))
        }),
        offset: call.offset,
        chunk: call.chunk
      }).pipe(Effect.flatMap((answer) => ResponseReader.appended(answer, call.offset, call.chunk.length))),

    terminate: (call) =>
      send(call, { method: "DELETE" }).pipe(
        Effect.asVoid,
        Effect.catchIf(
          (error) => error._tag === "Refused" && (error.status === 404 || error.status === 410),
          () => Effect.void
        )
      )
  })
})

/** Over any transport; `NodeTusClient.layer` and `BrowserTusClient.layer` bring one of their own. */
export const layer = <E = never, R = never>(
  options: Request.ClientOptions<E, R> = {}
): Layer.Layer<TusClient, never, TusTransport | R> => Layer.effect(TusClient, make(options))

const encodeCreate = HeaderCodec.fieldsEncoder(CreateHeaders.Request.fields)
const encodePatch = HeaderCodec.fieldsEncoder(AppendHeaders.Request.fields)

/** How the body is framed is the transport's to say. */
const bodyFields = (chunk: Request.Chunk | undefined) => ({
  contentEncoding: Option.none(),
  transferEncoding: Option.none(),
  contentLength: Option.none(),
  checksum: chunk === undefined || typeof chunk.checksum === "function" ? Option.none() : chunk.checksum,
  trailer: typeof chunk?.checksum === "function" ? Option.some(["Upload-Checksum"]) : Option.none()
})

const nothing = {
  ...bodyFields(undefined),
  length: Option.none(),
  deferLength: Option.none(),
  metadata: Option.none(),
  contentType: Option.none()
}
