import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { type Progress, StreamSource, TusUpload, type UploadOptions, UploadSource } from "effect-tus/client"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { endpoint } from "../loopback.js"
import { answer, metadataAt, storedAt, world } from "./world.js"

const bytes = Uint8Array.from({ length: 100_001 }, (_, i) => (i * 31) % 251)
const source = UploadSource.fromBytes(bytes)

/** Uploads, and compares what is stored with the source. */
const stores = (
  options: Partial<UploadOptions.UploadOptions>,
  expected: Uint8Array = bytes
) =>
  Effect.gen(function*() {
    const events = [...(yield* Stream.runCollect(TusUpload.upload({ endpoint, source, ...options })))]
    const last = events.at(-1)
    assert.strictEqual(last?.event, "Complete")
    assert.isTrue(Buffer.from(expected).equals(yield* storedAt(Option.getOrThrow(last?.url ?? Option.none()))))
    return events
  })

const happened = (events: ReadonlyArray<Progress.Progress>) =>
  events.map(({ event }) => event).filter((event) => event !== "Sent").join(" ")

const onComplete = () => Effect.succeed({ headers: { "x-receipt": "7" }, body: "thank you" })

describe("an upload", () => {
  it.effect("is one request if the server has announced that it accepts bytes with the creation", () => {
    const { layer, methods } = world()
    return Effect.gen(function*() {
      yield* stores({})
      assert.strictEqual(methods(), "OPTIONS POST")
      yield* stores({})
      assert.strictEqual(methods(), "OPTIONS POST POST")
    }).pipe(Effect.provide(layer))
  })

  it.effect("that is longer sends the rest with one request, or in chunks", () => {
    const { layer, methods, requests } = world()
    return Effect.gen(function*() {
      yield* stores({ createWithUpload: 1000 })
      assert.strictEqual(methods(), "OPTIONS POST PATCH")
      yield* stores({ createWithUpload: 0, chunkSize: 40_000 })
      deepStrictEqual(requests.slice(3).map(({ length }) => length), [undefined, 40_000, 40_000, 20_001])
    }).pipe(Effect.provide(layer))
  })

  it.effect("without bytes is complete with its creation", () => {
    const { layer, methods } = world()
    return Effect.gen(function*() {
      yield* stores({ source: UploadSource.fromBytes(new Uint8Array()) }, new Uint8Array())
      assert.strictEqual(methods(), "OPTIONS POST")
    }).pipe(Effect.provide(layer))
  })

  it.effect("has its metadata", () => {
    const { layer } = world()
    return Effect.gen(function*() {
      const { url } = yield* TusUpload.run({
        endpoint,
        source,
        metadata: { name: "wörld", raw: new Uint8Array([255]) }
      })
      deepStrictEqual(yield* metadataAt(url), Option.some("name d8O2cmxk,raw /w=="))
    }).pipe(Effect.provide(layer))
  })

  it.effect("of a stream of unknown length announces the length at its end", () => {
    const { layer, requests } = world()
    return Effect.scoped(Effect.gen(function*() {
      for (const size of [100_001, 80_000, 5]) {
        const part = bytes.subarray(0, size)
        const stream = Stream.fromIterable([part.subarray(0, 3), part.subarray(3)])
        yield* stores({ source: yield* StreamSource.make(stream), createWithUpload: 1000, chunkSize: 40_000 }, part)
      }
      deepStrictEqual(
        requests.map(({ headers, method }) =>
          `${method} ${headers["upload-length"] ?? headers["upload-defer-length"]}`
        ),
        ["OPTIONS undefined", "POST 1", "PATCH undefined", "PATCH undefined", "PATCH 100001"]
          .concat(["POST 1", "PATCH undefined", "PATCH undefined", "PATCH 80000", "POST 5"])
      )
    })).pipe(Effect.provide(layer))
  })

  it.effect("reports bytes as sent before they are acknowledged, and acknowledged bytes never decrease", () => {
    const { layer } = world()
    return Effect.gen(function*() {
      const events = yield* stores({ createWithUpload: 0, chunkSize: 40_000 })
      assert.strictEqual(happened(events), "Created Acknowledged Acknowledged Acknowledged Complete")
      deepStrictEqual(
        events.map(({ acknowledged, sent }) => [sent, acknowledged]),
        [[0, 0], [40_000, 0], [40_000, 40_000], [80_000, 40_000], [80_000, 80_000], [100_001, 80_000]].concat(
          [[100_001, 100_001], [100_001, 100_001]]
        )
      )
      const last = events.at(-1)
      assert.strictEqual(last?.chunks, 3)
      assert.strictEqual(last?.retries, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("resumes at a given URL, and sends only the rest", () => {
    const { layer, requests } = world()
    return Effect.gen(function*() {
      const { bytes: had, complete, url } = yield* TusUpload.run({
        endpoint,
        source,
        chunkSize: 40_000,
        stopAt: 50_000
      })
      assert.strictEqual(had, 50_000)
      assert.isFalse(complete)
      const events = yield* stores({ url })
      assert.strictEqual(happened(events), "Resumed Acknowledged Complete")
      deepStrictEqual(requests.slice(-2).map(({ length, method }) => [method, length]), [["HEAD", undefined], [
        "PATCH",
        50_001
      ]])
    }).pipe(Effect.provide(layer))
  })

  it.effect("does not resume at a URL whose length differs", () => {
    const { layer } = world()
    return Effect.gen(function*() {
      const { url } = yield* TusUpload.run({ endpoint, source, stopAt: 10 })
      for (const [size, reason] of [[10, "TooShort"], [200_000, "TooLong"]] as const) {
        const other = UploadSource.fromBytes(new Uint8Array(size))
        const error = yield* Effect.flip(TusUpload.run({ endpoint, url, source: other }))
        assert.strictEqual(error._tag === "SourceError" && error.reason, reason)
      }
    }).pipe(Effect.provide(layer))
  })
})

describe("the response that completes an upload", () => {
  for (
    const [name, options, status] of [
      ["in one request", {}, 201],
      ["in chunks", { createWithUpload: 0, chunkSize: 40_000 }, 200],
      ["in parts", { createWithUpload: 0, parallel: 3 }, 201]
    ] as const
  ) {
    it.effect(`is part of the result, with what the application added, ${name}`, () => {
      const { layer } = world(undefined, { hooks: { onComplete } })
      return Effect.gen(function*() {
        const { answer } = yield* TusUpload.run({ endpoint, source, ...options })
        deepStrictEqual(
          Option.map(answer, ({ body, headers, status }) => [status, headers["x-receipt"], body]),
          Option.some([status, "7", "thank you"])
        )
        assert.notProperty(Option.getOrThrow(answer), "asked")
      }).pipe(Effect.provide(layer))
    })
  }

  it.effect("differs from the responses to other requests, which are reported, too", () => {
    const { layer } = world()
    return Effect.gen(function*() {
      const events = yield* stores({ createWithUpload: 0, chunkSize: 50_000 })
      deepStrictEqual(
        events.filter(({ event }) => event !== "Sent").map(({ answer, event }) => [
          event,
          Option.getOrUndefined(Option.map(answer, ({ headers, status }) => `${status} ${headers["upload-offset"]}`))
        ]),
        [
          ["Created", "201 undefined"],
          ["Acknowledged", "204 50000"],
          ["Acknowledged", "204 100000"],
          ["Acknowledged", "204 100001"],
          ["Complete", "204 100001"]
        ]
      )
    }).pipe(Effect.provide(layer))
  })

  it.effect("is Option.none if another session has received it", () => {
    const { layer } = world(undefined, { hooks: { onComplete } })
    return Effect.gen(function*() {
      const { url } = yield* TusUpload.run({ endpoint, source })
      const { answer, complete } = yield* TusUpload.run({ endpoint, source, url })
      deepStrictEqual([complete, answer], [true, Option.none()])
    }).pipe(Effect.provide(layer))
  })
})

describe("interruption", () => {
  it.effect("is a pause: the request has ended, and another session resumes", () =>
    Effect.gen(function*() {
      const reached = yield* Deferred.make<void>()
      let running = 0
      const { layer, methods } = world((request, _, nth) =>
        request.method === "PATCH" && nth === 2
          ? Effect.sync(() => running++).pipe(
            Effect.zipRight(Deferred.succeed(reached, undefined)),
            Effect.zipRight(Effect.never),
            Effect.ensuring(Effect.sync(() => running--))
          )
          : undefined
      )
      yield* Effect.gen(function*() {
        let url = Option.none<string>()
        const fiber = yield* TusUpload.upload({ endpoint, source, createWithUpload: 0, chunkSize: 40_000 }).pipe(
          Stream.runForEach((progress) => Effect.sync(() => url = progress.url)),
          Effect.fork
        )
        yield* Deferred.await(reached)
        assert.strictEqual(running, 1)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(running, 0)
        assert.strictEqual(methods(), "POST PATCH PATCH")
        const events = yield* stores({ url: Option.getOrThrow(url) })
        assert.strictEqual(events[0]?.acknowledged, 40_000)
      }).pipe(Effect.provide(layer))
    }))

  it.effect("removes the upload if terminateOnInterrupt is set", () =>
    Effect.gen(function*() {
      const reached = yield* Deferred.make<void>()
      const { layer, methods } = world((request) =>
        request.method === "PATCH" ? Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never) : undefined
      )
      yield* Effect.gen(function*() {
        const fiber = yield* Effect.fork(
          TusUpload.run({ endpoint, source, createWithUpload: 0, terminateOnInterrupt: true })
        )
        yield* Deferred.await(reached)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(methods(), "POST PATCH DELETE")
      }).pipe(Effect.provide(layer))
    }))
})

describe("an upload step by step", () => {
  it.effect("sends one chunk with each step, and none after the end", () => {
    const { layer, methods } = world()
    return Effect.scoped(Effect.gen(function*() {
      const uploader = yield* TusUpload.uploader({ endpoint, source, createWithUpload: 0, chunkSize: 40_000 })
      const seen = []
      for (let i = 0; i < 5; i++) {
        const { acknowledged, event } = yield* uploader.next
        seen.push([event, acknowledged])
      }
      deepStrictEqual(seen, [["Acknowledged", 40_000], ["Acknowledged", 80_000], ["Complete", 100_001], [
        "Complete",
        100_001
      ], ["Complete", 100_001]])
      assert.strictEqual(methods(), "POST PATCH PATCH PATCH")
      assert.strictEqual((yield* uploader.progress).chunks, 3)
    })).pipe(Effect.provide(layer))
  })

  it.effect("stops at stopAt, even within a chunk", () => {
    const { layer, requests } = world()
    return Effect.scoped(Effect.gen(function*() {
      const uploader = yield* TusUpload.uploader({ endpoint, source, chunkSize: 40_000, stopAt: 50_000 })
      yield* uploader.next
      const { acknowledged, event } = yield* uploader.next
      deepStrictEqual([event, acknowledged], ["Stopped", 50_000])
      assert.strictEqual((yield* uploader.next).event, "Stopped")
      deepStrictEqual(requests.map(({ length }) => length), [undefined, undefined, 40_000, 10_000])
    })).pipe(Effect.provide(layer))
  })

  it.effect("is interrupted within a step, and continues with the next", () => {
    const { layer, methods } = world((request, exchange, nth) =>
      request.method === "PATCH" && nth === 1 ? Effect.zipRight(exchange(request), Effect.never) : undefined
    )
    return Effect.scoped(Effect.gen(function*() {
      const uploader = yield* TusUpload.uploader({ endpoint, source, createWithUpload: 0, chunkSize: 40_000 })
      const fiber = yield* Effect.fork(uploader.next)
      yield* Effect.repeat(Effect.yieldNow(), { until: () => methods().endsWith("PATCH") })
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* uploader.next).acknowledged, 40_000)
      assert.strictEqual(methods(), "POST PATCH HEAD")
    })).pipe(Effect.provide(layer))
  })

  it.effect("can be removed from the server", () => {
    const { layer, methods } = world()
    return Effect.scoped(Effect.gen(function*() {
      const uploader = yield* TusUpload.uploader({ endpoint, source, chunkSize: 40_000 })
      yield* uploader.terminate
      const { url } = yield* uploader.next
      yield* uploader.terminate
      const error = yield* Effect.flip(TusUpload.info(Option.getOrThrow(url)))
      assert.strictEqual(error._tag === "Refused" && error.status, 404)
      assert.strictEqual(methods(), "OPTIONS POST PATCH DELETE HEAD")
    })).pipe(Effect.provide(layer))
  })
})

describe("many files", () => {
  const sizes = [10, 100_001, 3, 50_000, 0]

  it.effect("share one progress report", () => {
    const { layer } = world((request) =>
      request.headers["upload-length"] === "3" ? answer(403, {}, "not this one") : undefined
    )
    return Effect.gen(function*() {
      const report = yield* TusUpload.runAll(
        sizes,
        (size) => Effect.succeed({ endpoint, source: UploadSource.fromBytes(bytes.subarray(0, size)) }),
        { concurrency: 2 }
      )
      deepStrictEqual(
        report.succeeded.map(([size, result]) => [size, result.bytes]).toSorted(([a = 0], [b = 0]) => a - b),
        [
          [0, 0],
          [10, 10],
          [50_000, 50_000],
          [100_001, 100_001]
        ]
      )
      deepStrictEqual(report.failed.map(([size, error]) => [size, error._tag]), [[3, "Refused"]])
    }).pipe(Effect.provide(layer))
  })

  it.effect("do not wait for one that hangs, and run in limited number", () => {
    let most = 0
    let running = 0
    const { layer } = world((request, exchange) =>
      request.method !== "POST" ?
        undefined :
        request.headers["upload-length"] === "10" ?
        Effect.never :
        Effect.acquireUseRelease(
          Effect.sync(() => (most = Math.max(most, ++running))),
          () => Effect.zipRight(Effect.yieldNow(), exchange(request)),
          () => Effect.sync(() => running--)
        )
    )
    return Effect.gen(function*() {
      const done: Array<number> = []
      const fiber = yield* TusUpload.all(
        sizes,
        (size) => Effect.succeed({ endpoint, source: UploadSource.fromBytes(bytes.subarray(0, size)) }),
        { concurrency: 3 }
      ).pipe(
        Stream.runForEach((update) =>
          Effect.sync(() =>
            update._tag === "Progress" && update.progress.event === "Complete" && done.push(update.file)
          )
        ),
        Effect.fork
      )
      yield* Effect.repeat(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), {
        until: () => done.length === 4
      })
      deepStrictEqual(done.toSorted((a, b) => a - b), [0, 3, 50_000, 100_001])
      assert.isAtMost(most, 2)
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(layer))
  })
})

describe("an invalid option", () => {
  const wrong: ReadonlyArray<readonly [string, Partial<UploadOptions.UploadOptions>]> = [
    ["endpoint", { endpoint: "/files" }],
    ["endpoint", { endpoint: "ftp://localhost/files" }],
    ["endpoint", { endpoint: "http://user:secret@localhost/files" }],
    ["url", { url: "files/1" }],
    ["chunkSize", { chunkSize: 0 }],
    ["chunkSize", { chunkSize: { min: 10, max: 5 } }],
    ["createWithUpload", { createWithUpload: -1 }],
    ["parallel", { parallel: 0 }],
    ["parallel", { parallel: 1.5 }],
    ["stopAt", { stopAt: -1 }],
    ["source.length", { source: { ...source, length: Option.some(Number.NaN) } }],
    ["source.length", { source: { ...source, length: Option.some(1.5) } }],
    ["retry", { retry: 3 as never }],
    ["metadata", { metadata: { "two words": "" } }],
    ["metadata", { metadata: { "": "" } }]
  ]
  for (const [option, options] of wrong) {
    it.effect(`is explained before a request is sent: ${option} in ${JSON.stringify(options)}`, () => {
      const { layer, requests } = world()
      return Effect.gen(function*() {
        const error = yield* Effect.flip(TusUpload.run({ endpoint, source, ...options }))
        assert.strictEqual(error._tag === "InvalidOption" && error.option, option)
        assert.notInclude(error.message, "secret")
        assert.strictEqual(requests.length, 0)
      }).pipe(Effect.provide(layer))
    })
  }
})
