/**
 * Everything that an application provides may throw, die, fail with the wrong error, interrupt itself or have the wrong
 * type. Only the upload that meets it fails, and the error names what failed.
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { HashFunctions } from "effect-tus"
import {
  Connectivity,
  StreamSource,
  type TusClient,
  TusTransport,
  TusUpload,
  UploadJournal,
  type UploadOptions,
  UploadSource
} from "effect-tus/client"
import { NodeHashFunctions } from "effect-tus/node"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { endpoint } from "../loopback.js"
import { passing, storedAt, world } from "./world.js"

type Way = () => Effect.Effect<never>

/** The ways to fail once it is called. */
const ways: Readonly<Record<string, Way>> = {
  "throws": () => {
    throw new Error("boom")
  },
  "dies": () => Effect.die(new Error("boom")),
  "fails with an undeclared error": () => Effect.fail(new Error("boom")) as Effect.Effect<never, never>,
  "fails with null": () => Effect.fail(null) as Effect.Effect<never, never>,
  "interrupts itself": () => Effect.interrupt,
  "returns no Effect": () => ({ boom: true }) as never,
  "returns a number": () => 42 as never,
  "gives null": () => Effect.succeed(null) as Effect.Effect<never>
}

/** For callbacks without a result. */
const whatever = Object.keys(ways).filter((how) => how !== "gives null")

/** `undefined` if it should work. */
type Break = () => { readonly of: Effect.Effect<never> } | undefined

interface Setting {
  readonly client?: TusClient.ClientOptions
  readonly options?: Partial<UploadOptions.UploadOptions>
  readonly source?: (source: UploadSource.UploadSource) => UploadSource.UploadSource
  readonly send?: (send: Send) => Send
  /** The journal uses a store of the application. */
  readonly store?: (store: KeyValueStore.KeyValueStore) => KeyValueStore.KeyValueStore
  readonly journal?: (journal: UploadJournal.Journal) => UploadJournal.Journal
  readonly layer?: Layer.Layer<never>
}

type Send = TusTransport.TusTransport["Type"]["send"]

interface Given {
  readonly setting: (broken: Break) => Setting
  /** The message of the error; undefined if the upload goes on. */
  readonly says: RegExp | undefined
  /** Only these ways; all by default. */
  readonly ways?: ReadonlyArray<keyof typeof ways>
}

const bytes = Uint8Array.from({ length: 40_001 }, (_, i) => (i * 31) % 251)

const named = (name: string) =>
  UploadSource.fromRange({
    name,
    length: bytes.length,
    modified: 0,
    read: (start, end) => Stream.make(bytes.slice(start, end))
  })

const reading = (broken: Break, part: "pull" | "close") => (source: UploadSource.UploadSource) => ({
  ...source,
  read: (offset: number, size: number) =>
    Effect.map(source.read(offset, size), (reading) => ({
      pull: part === "pull" ? Effect.suspend(() => broken()?.of ?? reading.pull) : reading.pull,
      close: part === "close"
        ? (exit: Exit.Exit<unknown, unknown>) => broken()?.of ?? reading.close(exit)
        : reading.close
    }))
})

const digest = (broken: Break, part: "begin" | "update" | "copy" | "digest") =>
  Layer.effect(
    HashFunctions.HashFunctions,
    Effect.map(HashFunctions.HashFunctions, (digests) => {
      const spoil = (hasher: HashFunctions.Hasher): HashFunctions.Hasher => ({
        update: (bytes) => part === "update" ? broken()?.of ?? hasher.update(bytes) : hasher.update(bytes),
        copy: () => part === "copy" ? broken()?.of as never ?? spoil(hasher.copy()) : spoil(hasher.copy()),
        digest: () => part === "digest" ? broken()?.of as never ?? hasher.digest() : hasher.digest()
      })
      return new Map(
        [...digests].map(([name, make]) => [
          name,
          () => part === "begin" ? broken()?.of as never ?? spoil(make()) : spoil(make())
        ])
      )
    })
  ).pipe(Layer.provide(NodeHashFunctions.layer))

const stored = (broken: Break, method: "get" | "set" | "remove") => (store: KeyValueStore.KeyValueStore) => ({
  ...store,
  [method]: (...args: ReadonlyArray<string>) =>
    broken()?.of ?? (store[method] as (...args: ReadonlyArray<string>) => Effect.Effect<unknown>)(...args)
})

const journaled = (broken: Break, method: "find" | "put" | "remove") => (journal: UploadJournal.Journal) => ({
  ...journal,
  [method]: (...args: ReadonlyArray<unknown>) =>
    broken()?.of ?? (journal[method] as (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown>)(...args)
})

/**
 * Everything that an application provides. Each is used by an upload that continues another one and meets one failure.
 */
const given: Readonly<Record<string, Given>> = {
  "headers": {
    setting: (broken) => ({ client: { headers: () => broken()?.of ?? Effect.succeed({ a: "b" }) } }),
    says: /^the headers for .* could not be made: /
  },
  "ready of a source": {
    setting: (broken) => ({
      source: (source) => ({
        ...source,
        ready: (offset, size) => broken()?.of ?? source.ready(offset, size)
      })
    }),
    says: /^file\d?: it cannot be read: /
  },
  "read of a source": {
    setting: (broken) => ({
      source: (source) => ({
        ...source,
        read: (offset, size) => broken()?.of ?? source.read(offset, size)
      })
    }),
    says: /^file\d?: it cannot be read: /
  },
  "bytes of a source": {
    setting: (broken) => ({
      source: (source) => ({
        ...source,
        bytes: (offset, size) => broken()?.of ?? Effect.succeed(bytes.slice(offset, offset + size))
      })
    }),
    says: /^file\d?: it cannot be read: /
  },
  "what a source gives": {
    setting: (broken) => ({ source: reading(broken, "pull") }),
    says: /^file\d?: it cannot be read: /
  },
  "what a source gives instead of bytes": {
    setting: (broken) => ({
      source: (source) => ({
        ...source,
        read: (offset, size) =>
          Effect.map(source.read(offset, size), ({ close, pull }) => ({
            close,
            pull: Effect.suspend(() =>
              broken() === undefined ? pull : Effect.succeed(Chunk.of("a".repeat(size) as never))
            )
          }))
      })
    }),
    says: /^file\d?: it cannot be read: expected bytes, got \[object String\]/,
    ways: ["gives null"]
  },
  "close of a source": {
    setting: (broken) => ({ source: reading(broken, "close") }),
    says: /^close of the source file\d? failed unexpectedly: /,
    ways: whatever
  },
  "release of a source": {
    setting: (broken) => ({
      source: (source) => ({ ...source, release: (offset) => broken()?.of ?? source.release(offset) })
    }),
    says: /^release of the source file\d? failed unexpectedly: /,
    ways: whatever
  },
  "what fromRange reads": {
    setting: (broken) => ({
      source: ({ name }) =>
        UploadSource.fromRange({
          name,
          length: bytes.length,
          modified: 0,
          read: (start, end) =>
            Stream.unwrap(Effect.suspend(() => broken()?.of ?? Effect.succeed(Stream.make(bytes.slice(start, end)))))
        })
    }),
    says: /^file\d?: it cannot be read: /
  },
  "read of fromRange": {
    setting: (broken) => ({
      source: ({ name }) =>
        UploadSource.fromRange({
          name,
          length: bytes.length,
          modified: 0,
          read: (start, end) => broken() as never ?? Stream.make(bytes.slice(start, end))
        })
    }),
    says: /^file\d?: it cannot be read: /,
    ways: ["throws", "returns no Effect"]
  },
  "the transport": {
    setting: (broken) => ({ send: (send) => (request) => broken()?.of ?? send(request) }),
    says: /^the transport failed unexpectedly: /
  },
  "the retry schedule": {
    setting: (broken) => ({
      options: {
        retry: Schedule.makeWithState(
          Schedule.recurs(3).initial,
          (now, input, state) => broken()?.of ?? Schedule.recurs(3).step(now, input, state)
        )
      }
    }),
    says: /^the retry schedule failed unexpectedly: /
  },
  "a predicate of the retry schedule": {
    setting: (broken) => ({
      options: { retry: Schedule.whileInput(Schedule.recurs(3), () => broken() === undefined) }
    }),
    says: /^the retry schedule failed unexpectedly: /,
    ways: ["throws"]
  },
  "online of Connectivity": {
    setting: (broken) => ({
      layer: Layer.succeed(Connectivity.Connectivity, {
        online: Effect.suspend(() => broken()?.of ?? Effect.void)
      })
    }),
    says: /^online of Connectivity failed unexpectedly: /,
    ways: whatever
  },
  "isOffline of Connectivity": {
    setting: (broken) => ({
      layer: Layer.succeed(Connectivity.Connectivity, { online: Effect.void, isOffline: () => broken() !== undefined })
    }),
    says: /^isOffline of Connectivity failed unexpectedly: /,
    ways: ["throws"]
  },
  ...Object.fromEntries((["begin", "update", "copy", "digest"] as const).map((part) => [
    `${part} of a digest`,
    {
      setting: (broken) => ({ layer: digest(broken, part) }),
      says: /^the digest sha\d+ failed unexpectedly: /,
      ways: part === "digest" ? ["throws", "returns no Effect", "returns a number"] : ["throws"]
    } satisfies Given
  ])),
  ...Object.fromEntries((["find", "put", "remove"] as const).map((method) => [
    `${method} of a journal`,
    { setting: (broken) => ({ journal: journaled(broken, method) }), says: undefined } satisfies Given
  ])),
  "list of a journal": {
    setting: (broken) => ({
      journal: (journal) => ({ ...journal, list: Effect.suspend(() => broken()?.of ?? journal.list) })
    }),
    says: undefined
  },
  ...Object.fromEntries((["get", "set", "remove"] as const).map((method) => [
    `${method} of the store of a journal`,
    { setting: (broken) => ({ store: stored(broken, method) }), says: undefined } satisfies Given
  ]))
}

const closed = Effect.fail(new TusTransport.TransportError({ reason: "Closed", cause: "test" }))

/** The message of the end, and whether it is reported as anything else. */
const told = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "" : Cause.isInterruptedOnly(exit.cause) ? "interrupted" : messageOf(Cause.squash(exit.cause))

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error)

const setUp = ({ setting }: Given, way: Way) => {
  let times = 0
  /** How often it was called. */
  let asked = 0
  /** The request after this many is cut off. */
  let patches = 2
  const { client, journal = (journal) => journal, layer = NodeHashFunctions.layer, options, send, source, store } =
    setting(
      () => {
        asked++
        return times-- > 0 ? { of: way() } : undefined
      }
    )
  const { layer: server, requests } = world(
    (request, exchange) =>
      request.method === "PATCH" && patches-- === 0
        ? closed
        : send === undefined
        ? undefined
        : send(exchange)(request),
    client === undefined ? {} : { client }
  )
  const values = new Map<string, string>()
  const memory = KeyValueStore.makeStringOnly({
    get: (key) => Effect.sync(() => Option.fromNullable(values.get(key))),
    set: (key, value) => Effect.sync(() => values.set(key, value)),
    remove: (key) => Effect.sync(() => values.delete(key)),
    clear: Effect.sync(() => values.clear()),
    size: Effect.sync(() => values.size)
  })
  const kept = UploadJournal.make(store?.(memory) ?? memory, Effect.sync(() => [...values.keys()]))
  return {
    requests,
    kept: UploadJournal.make(memory, Effect.sync(() => [...values.keys()])),
    layer: Layer.mergeAll(server, layer, Layer.succeed(UploadJournal.UploadJournal, journal(kept))),
    breaks: (many: number, breaksOff: number) =>
      Effect.sync(() => {
        times = many
        asked = 0
        patches = breaksOff
      }),
    wasAsked: () => asked > 0,
    optionsOf: (name: string): UploadOptions.UploadOptions => ({
      endpoint,
      source: source?.(named(name)) ?? named(name),
      createWithUpload: 0,
      chunkSize: 10_000,
      checksum: "sha1",
      retry: Schedule.recurs(3),
      ...options
    })
  }
}

const isWhole = (url: string) =>
  Effect.map(storedAt(url), (stored) => assert.isTrue(Buffer.from(bytes).equals(stored), "other bytes arrived"))

/** The failure cannot be reported any more. */
const unheard: Array<unknown> = []
process.on("unhandledRejection", (reason) => unheard.push(reason))
process.on("uncaughtException", (error) => unheard.push(error))

describe("a callback of the application", () => {
  for (const [name, what] of Object.entries(given)) {
    for (const [how, way] of Object.entries(ways).filter(([how]) => what.ways?.includes(how) ?? true)) {
      it.effect(`fails one upload of many at most, if it ${how} once: ${name}`, () => {
        const { breaks, layer, optionsOf } = setUp(what, way)
        return Effect.gen(function*() {
          yield* breaks(1, 1)
          const { failed, succeeded } = yield* passing(
            TusUpload.runAll(["file1", "file2", "file3"], (name) => Effect.succeed(optionsOf(name)))
          )
          // The first request asks what the server supports, and its failure is ignored.
          assert.isAtMost(failed.length, what.says === undefined ? 0 : 1)
          failed.forEach(([, error]) => assert.match(error.message, what.says ?? /never/))
          yield* Effect.forEach(succeeded, ([, { url }]) => isWhole(url))
          yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
          deepStrictEqual(unheard, [])
        }).pipe(Effect.provide(layer))
      })

      it.effect(`is named in the error if it ${how}, and an upload that another session can resume stays: ${name}`, () => {
        const { breaks, kept, layer, optionsOf, requests, wasAsked } = setUp(what, way)
        return Effect.gen(function*() {
          yield* breaks(0, 2)
          yield* passing(Effect.flip(TusUpload.run({ ...optionsOf("file"), retry: Schedule.recurs(0) })))
          const before = yield* kept.list
          deepStrictEqual(before.map(({ acknowledged }) => acknowledged), [20_000])

          yield* breaks(Infinity, 1)
          const exit = yield* passing(Effect.exit(TusUpload.run(optionsOf("file"))))
          assert.isTrue(wasAsked())
          assert.notInclude(requests.map(({ method }) => method), "DELETE")
          if (what.says === undefined) {
            assert.isTrue(Exit.isSuccess(exit), String(exit))
            return
          }
          assert.match(told(exit), what.says)
          if (how === "throws" || how === "dies") {
            assert.match(told(exit), /: boom$/)
          }
          deepStrictEqual((yield* kept.list).map(({ url }) => url), before.map(({ url }) => url))

          yield* breaks(0, Infinity)
          const from = requests.length
          const { url } = yield* passing(TusUpload.run(optionsOf("file")))
          deepStrictEqual([url], before.map(({ url }) => url))
          yield* isWhole(url)
          assert.isAtMost(requests.slice(from).reduce((sum, { length = 0 }) => sum + length, 0), bytes.length - 20_000)
        }).pipe(Effect.provide(layer))
      })
    }
  }

  for (const [how, way] of Object.entries(ways).filter(([how]) => how !== "fails with an undeclared error")) {
    it.effect(`fails no other file if it ${how}: toOptions`, () => {
      const { layer, optionsOf } = setUp({ setting: () => ({}), says: undefined }, way)
      const toOptions = (name: string) => name === "file2" ? way() : Effect.succeed(optionsOf(name))
      return Effect.gen(function*() {
        const names = ["file1", "file2", "file3"]
        const { failed, succeeded } = yield* passing(TusUpload.runAll(names, toOptions))
        deepStrictEqual(failed.map(([name]) => name), ["file2"])
        deepStrictEqual(succeeded.map(([name]) => name), ["file1", "file3"])
        const updates = yield* passing(Stream.runCollect(TusUpload.all(names, toOptions)))
        deepStrictEqual(Chunk.toArray(updates).filter(({ _tag }) => _tag === "Failed").map(({ file }) => file), [
          "file2"
        ])
        if (how === "throws" || how === "dies") {
          deepStrictEqual(failed.map(([, error]) => error.message), ["toOptions failed unexpectedly: boom"])
        }
      }).pipe(Effect.provide(layer))
    })

    it.effect(`fails the upload if it ${how}: a stream`, () => {
      const { layer, optionsOf } = setUp({ setting: () => ({}), says: undefined }, way)
      return Effect.gen(function*() {
        const source = yield* StreamSource.make(
          Stream.concat(Stream.make(bytes.slice(0, 100)), Stream.fromEffect(Effect.suspend(way)))
        )
        const exit = yield* passing(Effect.exit(TusUpload.run({ ...optionsOf("file"), source })))
        assert.match(told(exit), /^stream: it cannot be read: /)
      }).pipe(Effect.provide(layer), Effect.scoped)
    })

    it.effect(`ends an upload that can be resumed, if it ${how}: a listener`, () => {
      const { kept, layer, optionsOf, requests } = setUp({ setting: () => ({}), says: undefined }, way)
      return Effect.gen(function*() {
        const exit = yield* passing(Effect.exit(Stream.runForEach(
          TusUpload.upload(optionsOf("file")),
          ({ acknowledged }) => acknowledged >= 20_000 ? Effect.suspend(way) : Effect.void
        )))
        assert.strictEqual(Exit.isFailure(exit), !how.startsWith("gives"))
        assert.notInclude(requests.map(({ method }) => method), "DELETE")
        const left = yield* kept.list
        const { url } = yield* passing(TusUpload.run(optionsOf("file")))
        deepStrictEqual(left.map(({ url }) => url), how.startsWith("gives") ? [] : [url])
        yield* isWhole(url)
      }).pipe(Effect.provide(layer))
    })
  }
})
