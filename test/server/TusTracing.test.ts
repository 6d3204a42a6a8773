import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TracedStore, Upload, UploadLock, UploadStore } from "effect-tus"
import { NodeHashFunctions } from "effect-tus/node"
import { TusServer, TusTracing, UploadHooks } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { create, head, patch, request } from "../support/memory.js"
import { idOf } from "../support/uploads.js"
import { memory } from "./doors.js"

interface Span {
  readonly name: string
  readonly traceId: string
  readonly parent: string | undefined
  readonly links: ReadonlyArray<string>
  readonly attributes: ReadonlyMap<string, unknown>
}

/** A tracer that records its spans. */
const recording = () => {
  const spans: Array<Span> = []
  const tracer = Tracer.make({
    context: (run) => run(),
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const span: Tracer.Span = {
        _tag: "Span",
        name,
        spanId: `${spans.length}`,
        traceId: Option.match(parent, { onNone: () => "none", onSome: ({ traceId }) => traceId }),
        parent,
        context,
        status: { _tag: "Started", startTime },
        attributes,
        links,
        sampled: true,
        kind,
        end: () => {},
        attribute: (key, value) => void attributes.set(key, value),
        event: () => {},
        addLinks: () => {}
      }
      spans.push({
        name,
        traceId: span.traceId,
        parent: Option.getOrUndefined(Option.map(parent, ({ spanId }) => spanId)),
        links: links.map(({ span: { spanId, traceId } }) => `${traceId}/${spanId}`),
        attributes
      })
      return span
    }
  })
  return { spans, tracer }
}

const traced = TusServer.layer.pipe(
  Layer.provide(TracedStore.layer),
  Layer.provideMerge(UploadStore.layer),
  Layer.provideMerge(UploadLock.layerMemory),
  Layer.provideMerge(memory),
  Layer.provideMerge(NodeHashFunctions.layer),
  Layer.provide(TusTracing.layer)
)

describe("tracing", () => {
  it.effect("puts all requests of an upload into one trace, with the calls of the store below them", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      const client = { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` }
      const path = yield* create({ "upload-length": "3", ...client })
      yield* patch(path, 0, "abc")
      yield* head(path)
      yield* request("DELETE", path)
      const other = yield* create({ "upload-length": "3" })
      const requests = spans.filter(({ name }) => name.startsWith("tus "))
      deepStrictEqual(requests.map(({ name, traceId }) => [name, traceId]), [
        ["tus Create", idOf(path)],
        ["tus Append", idOf(path)],
        ["tus Inspect", idOf(path)],
        ["tus Terminate", idOf(path)],
        ["tus Create", idOf(other)]
      ])
      deepStrictEqual(requests[0]?.links, [`${"a".repeat(32)}/${"b".repeat(16)}`])
      assert.strictEqual(requests[1]?.attributes.get("tus.upload.id"), idOf(path))
      const ofPatch = spans.filter(({ parent }) =>
        parent === String(spans.findIndex(({ name }) => name === "tus Append"))
      )
      deepStrictEqual(ofPatch.map(({ name }) => name), ["UploadStore.claim", "UploadStore.write", "UploadStore.commit"])
    }).pipe(Effect.provide(traced), Effect.withTracer(tracer))
  })

  it.effect("does nothing without a tracer", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      yield* head(yield* create({ "upload-length": "3" }))
      deepStrictEqual(spans, [])
    }).pipe(
      Effect.provide(TusServer.layer.pipe(Layer.provideMerge(memory), Layer.provideMerge(NodeHashFunctions.layer))),
      Effect.withTracer(tracer)
    )
  })

  it.prop("derives a trace from every id", [Upload.UploadId], ([id]) => {
    const { spanId, traceId } = TusTracing.parentOf(id)
    assert.match(traceId, /^(?!0{32})[0-9a-f]{32}$/)
    assert.match(spanId, /^(?!0{16})[0-9a-f]{16}$/)
  })

  it.effect("puts hooks into the span of their request", () => {
    const { spans, tracer } = recording()
    return Effect.gen(function*() {
      yield* patch(yield* create({ "upload-length": "3" }), 0, "abc")
      const hook = spans.find(({ name }) => name === "virus scan")
      assert.strictEqual(spans[Number(hook?.parent)]?.name, "tus Append")
    }).pipe(
      Effect.provide(traced.pipe(Layer.provide(Layer.succeed(UploadHooks.UploadHooks, {
        onComplete: () => Effect.withSpan(Effect.void, "virus scan")
      })))),
      Effect.withTracer(tracer)
    )
  })
})
