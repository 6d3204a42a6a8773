/**
 * Secrets of a request, and control sequences of a terminal, are in no log, span, event or metric.
 */
import { assert, describe, it } from "@effect/vitest"
import { ByteStore, TracedStore, UploadLock, UploadRegistry, UploadStore, UploadStoreError } from "effect-tus"
import { NodeHashFunctions } from "effect-tus/node"
import {
  AccessLog,
  Prometheus,
  TusMetrics,
  TusServer,
  TusTracing,
  UploadEvents,
  UploadHooks,
  UploadUrls
} from "effect-tus/server"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as List from "effect/List"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Redacted from "effect/Redacted"
import * as Tracer from "effect/Tracer"
import { create, head, patch, request } from "../support/memory.js"

/** Everything that loggers, tracers and event listeners receive, as text. */
const listening = () => {
  const told: Array<string> = []
  const logger = Logger.make(({ annotations, cause, message, spans }) => {
    told.push(
      ...[message].flat().map(String),
      JSON.stringify(Array.from(HashMap.toEntries(annotations))),
      ...List.toArray(spans).map(({ label }) => label),
      Cause.pretty(cause, { renderErrorCause: true })
    )
  })
  const tracer = Tracer.make({
    context: (run) => run(),
    span: (name, parent, context, links, startTime, kind, options) => {
      told.push(name, JSON.stringify(links), JSON.stringify(options?.attributes ?? {}))
      return {
        _tag: "Span",
        name,
        spanId: "1",
        traceId: "1",
        parent,
        context,
        status: { _tag: "Started", startTime },
        attributes: new Map(),
        links,
        sampled: true,
        kind,
        end: (_, exit) => {
          told.push(exit._tag === "Failure" ? Cause.pretty(exit.cause, { renderErrorCause: true }) : "")
        },
        attribute: (key, value) => told.push(key, String(value)),
        event: (name, _, attributes) => told.push(name, JSON.stringify(attributes ?? {})),
        addLinks: () => {}
      }
    }
  })
  const listener = Layer.succeed(UploadEvents.UploadEvents, {
    publish: (event) => Effect.sync(() => told.push(JSON.stringify(event)))
  })
  return {
    told,
    listener,
    layer: Layer.mergeAll(
      Logger.replace(Logger.defaultLogger, logger),
      Logger.minimumLogLevel(LogLevel.All),
      Layer.setTracer(tracer)
    )
  }
}

const lost = new UploadStoreError.UploadStoreError({ reason: "Write", operation: "write", cause: new Error("EIO") })

/** A byte store that cannot be written to. */
const failing = Layer.effect(
  ByteStore.ByteStore,
  Effect.map(
    ByteStore.ByteStore,
    (bytes) => ByteStore.ByteStore.of({ ...bytes, append: () => Effect.fail(lost) })
  )
).pipe(Layer.provide(ByteStore.layerMemory))

const secret = Redacted.make("a secret of at least 32 characters")

/** A hook dies with an error that quotes the request. */
const hooks = Layer.succeed(UploadHooks.UploadHooks, {
  authorize: (intent, _, request) =>
    intent === "Terminate"
      ? Effect.die(new Error(`no answer to ${request.url}`, { cause: new Error(request.headers["user-agent"]) }))
      : Effect.void
})

const everything = (listener: Layer.Layer<never>) =>
  TusServer.layer.pipe(
    Layer.provide(TracedStore.layer),
    Layer.provideMerge(Layer.merge(UploadStore.layer, UploadLock.layerMemory)),
    Layer.provideMerge(UploadRegistry.layerMemory),
    Layer.provideMerge(failing),
    Layer.provideMerge(NodeHashFunctions.layer),
    Layer.provide(Layer.mergeAll(UploadUrls.layerSigned({ secret }), TusTracing.layer, hooks)),
    Layer.provideMerge(AccessLog.layer),
    Layer.provideMerge(TusMetrics.layer),
    Layer.provideMerge(listener)
  )

/** Except for line ends and tabs of a stack. */
const obeyed = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

describe("the output about requests", () => {
  it.effect("contains no signature, in any failure", () => {
    const { layer, listener, told } = listening()
    return Effect.gen(function*() {
      const url = yield* create({ "upload-length": "3" })
      const query = url.slice(url.indexOf("?"))
      const signature = query.slice(query.lastIndexOf("=") + 1)
      assert.strictEqual(signature.length, 43)
      assert.strictEqual((yield* head(url)).status, 200)
      assert.strictEqual((yield* patch(url, 0, "abc")).status, 500)
      assert.strictEqual((yield* request("DELETE", url)).status, 500)
      assert.strictEqual((yield* head(`${url}#${signature}`)).status, 200)
      assert.strictEqual((yield* head(`/elsewhere${query}`)).status, 404)
      const part = yield* create({ "upload-length": "3", "upload-concat": "partial" })
      assert.strictEqual((yield* request("POST", "/files", { "upload-concat": `final;${part}` })).status, 201)

      const all = [...told, yield* Prometheus.text].join("\n")
      const [path = ""] = url.split("?")
      for (const word of [`PATCH ${path} failed`, "EIO", `DELETE ${path} failed`, "no answer to", "tus Append"]) {
        assert.include(all, word)
      }
      assert.notInclude(all, "signature")
      assert.notInclude(all, signature)
    }).pipe(Effect.provide(everything(listener)), Effect.provide(layer))
  })

  it.effect("contains no control character of a terminal, and no line break", () => {
    const { layer, listener, told } = listening()
    return Effect.gen(function*() {
      const url = yield* create({ "upload-length": "3" })
      for (
        const character of ["\u009b2J", "\u0085", "\x1b]0;", "\r\nERROR forged", "\u2028", "\u2029", "\u202e", "\u2066"]
      ) {
        const agent = { "user-agent": `agent ${character}` }
        assert.strictEqual((yield* request("HEAD", `/elsewhere/${character}`, agent)).status, 404)
        assert.strictEqual((yield* request("DELETE", url, agent)).status, 500)
        const overridden = { ...agent, "x-http-method-override": "HEAD" }
        assert.strictEqual((yield* request(`GET${character}`, url, overridden)).status, 200)
      }
      const all = [...told, yield* Prometheus.text].join("\n")
      assert.include(all, "HEAD /elsewhere/\ufffd2J 404")
      assert.include(all, "agent \ufffd2J")
      assert.notMatch(all, obeyed)
      assert.notMatch(all, /^ERROR forged/m)
    }).pipe(Effect.provide(everything(listener)), Effect.provide(layer))
  })
})
