/**
 * One method for each request of tus, without loops and retries. Requests are encoded by the classes that the server
 * decodes, and responses the other way round.
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

/** A new upload. `expires` is when the server removes it, if it says so. */
export interface Created {
  /** Absolute. */
  readonly url: string
  /** The offset, if the creation carried bytes. */
  readonly offset: Option.Option<number>
  readonly expires: Option.Option<DateTime.Utc>
  /** The response, with what the server's application adds to it. */
  readonly answer: RawResponse
}

/** The offset after a PATCH, in bytes. `expires` is when the server removes the upload, if it says so. */
export interface Appended {
  readonly offset: number
  readonly expires: Option.Option<DateTime.Utc>
  /** The whole of it, with what an application adds. */
  readonly answer: RawResponse
}

/**
 * The requests of tus, each sent once. They fail with `Refused` if the status is not 2xx, `Misbehaved` if the response
 * breaks the protocol, `Unanswered` without a response, `HeadersError` if the headers cannot be made, and `SourceError`
 * if the bytes cannot be read. `TusUpload` makes uploads of them.
 */
export class TusClient extends Context.Tag("effect-tus/TusClient")<TusClient, {
  /** Whether the transport can send a checksum behind the body. */
  readonly trailers: boolean

  /** What is known of an endpoint. All callers get the same value. */
  readonly endpoint: (url: string) => Endpoint.Endpoint

  /** What the server supports; Option.none if it does not say. */
  readonly discover: (call: Request.Call) => Effect.Effect<Option.Option<DiscoveryHeaders.Response>, RequestError>

  /** POST to the endpoint. Without a length, it is sent by a later PATCH. */
  readonly create: (
    call: Request.Call & {
      readonly length: Option.Option<number>
      /** As an Upload-Metadata header. */
      readonly metadata: Option.Option<string>
      readonly partial?: boolean | undefined
      readonly chunk?: Request.Chunk | undefined
    }
  ) => Effect.Effect<Created, RequestError>

  /** POST to the endpoint: joins partial uploads to a final one, in this order. */
  readonly concatenate: (
    call: Request.Call & {
      readonly parts: readonly [string, ...Array<string>]
      readonly metadata: Option.Option<string>
    }
  ) => Effect.Effect<Created, RequestError>

  /** HEAD: offset, length, metadata. */
  readonly head: (call: Request.Call) => Effect.Effect<ResponseReader.Info, RequestError>

  /**
   * PATCH: sends bytes at an offset. The new offset lies within them. `length` is set once it is known, if the upload
   * was created without it.
   */
  readonly append: (
    call: Request.Call & {
      readonly offset: number
      readonly length: Option.Option<number>
      readonly chunk: Request.Chunk
    }
  ) => Effect.Effect<Appended, RequestError>

  /** DELETE. Succeeds if there is no such upload. */
  readonly terminate: (call: Request.Call) => Effect.Effect<void, RequestError>
}>() {}

/**
 * A client on the `TusTransport` that is provided. What the function `headers` needs is taken from the context of this
 * effect.
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

/** A client on any transport. `NodeTusClient.layer` and `BrowserTusClient.layer` include one. */
export const layer = <E = never, R = never>(
  options: Request.ClientOptions<E, R> = {}
): Layer.Layer<TusClient, never, TusTransport | R> => Layer.effect(TusClient, make(options))

const encodeCreate = HeaderCodec.fieldsEncoder(CreateHeaders.Request.fields)
const encodePatch = HeaderCodec.fieldsEncoder(AppendHeaders.Request.fields)

/** The transport decides how the body is framed. */
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
