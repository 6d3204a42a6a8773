/**
 * Orphans in files: how long they are kept, and whether they were changed.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { ByteStore, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import { FileByteStore } from "effect-tus/node"
import { TusServer, TusSweeper } from "effect-tus/server"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import {
  appendFileSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync
} from "node:fs"
import { join } from "node:path"
import { idOf, numbered } from "../../src/testing/Fixtures.js"
import { bytes, uploadOf } from "../protocol/arbitraries.js"
import { directory } from "../support/directory.js"

const a = idOf("file-a")

const layer = (directory: string) =>
  TusServer.layer.pipe(
    Layer.provideMerge(UploadStore.layer),
    Layer.provideMerge(UploadLock.layerMemory),
    Layer.provideMerge(UploadRegistry.layerMemory),
    Layer.provideMerge(FileByteStore.layer({ directory }))
  )

const upload = uploadOf({ id: a, length: Option.some(bytes(20)) })

/** Marks the upload as unwanted. It has no state, only bytes. */
const condemn = Effect.flatMap(ByteStore.ByteStore, ({ condemn }) => condemn?.(a) ?? Effect.void)

const write = Effect.flatMap(
  ByteStore.ByteStore,
  (bytes) => ByteStore.appendStream(bytes)(a, { at: 0, fence: 1 }, Stream.make(numbered(10)), () => Effect.void)
)

const orphans = Effect.flatMap(ByteStore.ByteStore, ({ orphans }) => Effect.fromNullable(orphans))

const list = Effect.flatMap(orphans, ({ list }) => Effect.map(Stream.runCollect(list), (found) => Array.from(found)))

const only = Effect.flatMap(list, ([orphan]) => Effect.fromNullable(orphan))

const locationOf = (orphan: { readonly location: Option.Option<string> }) => Option.getOrThrow(orphan.location)

/** Sweeps at a time some days from now. */
const sweepIn = (days: number) =>
  Effect.zipRight(
    TestClock.setTime(Date.now() + Duration.toMillis(Duration.days(days))),
    Effect.flatMap(TusSweeper.make, ({ sweepOrphans }) => sweepOrphans())
  )

/** Runs `use` in a directory in which a sweep has set bytes aside. */
const inDirectory = <E>(
  use: (directory: string) => Effect.Effect<void, E, Layer.Layer.Success<ReturnType<typeof layer>>>
) =>
  Effect.flatMap(
    directory,
    (directory) =>
      Effect.zipRight(Effect.zipRight(write, sweepIn(0)), use(directory)).pipe(Effect.provide(layer(directory)))
  )

describe("orphans", () => {
  it.scoped("are kept for thirty days, and then removed", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const orphan = yield* only
        const file = locationOf(orphan)
        assert.isTrue(file.startsWith(join(directory, "orphans")))
        yield* sweepIn(29.9)
        deepStrictEqual(Uint8Array.from(readFileSync(file)), numbered(10))
        yield* sweepIn(30.1)
        assert.isFalse(existsSync(file))
      })
    ))

  it.scoped("that were written to are neither put back nor removed", () =>
    inDirectory(() =>
      Effect.gen(function*() {
        const { putBack } = yield* orphans
        const orphan = yield* only
        const file = locationOf(orphan)
        appendFileSync(file, "more")
        deepStrictEqual((yield* list).map(({ isIntact, size }) => [isIntact, size]), [[false, 14]])
        assert.isFalse(yield* putBack(orphan))
        yield* sweepIn(40)
        assert.strictEqual(statSync(file).size, 14)
      })
    ))

  it.scoped("whose date has changed are not put back", () =>
    inDirectory(() =>
      Effect.gen(function*() {
        const { putBack } = yield* orphans
        const orphan = yield* only
        const file = locationOf(orphan)
        const later = new Date(Date.now() + 60_000)
        utimesSync(file, later, later)
        deepStrictEqual((yield* list).map(({ isIntact }) => isIntact), [false])
        assert.isFalse(yield* putBack(orphan))
      })
    ))

  it.scoped("that a crash left under two names are put back with one", () =>
    inDirectory((directory) =>
      Effect.gen(function*() {
        const { putBack } = yield* orphans
        const orphan = yield* only
        const place = join(directory, a.slice(-2), a)
        linkSync(locationOf(orphan), place)
        assert.isTrue(yield* putBack(orphan))
        deepStrictEqual(yield* list, [])
        deepStrictEqual(Uint8Array.from(readFileSync(place)), numbered(10))
      })
    ))

  it.scoped("are recognized by their names, and other files in the folder are left alone", () =>
    inDirectory(() =>
      Effect.gen(function*() {
        const orphan = yield* only
        const file = locationOf(orphan)
        renameSync(file, file.replace(".10.", "."))
        deepStrictEqual(yield* list, [])
        yield* sweepIn(40)
        assert.isTrue(existsSync(file.replace(".10.", ".")))
      })
    ))
})

const inPlace = (directory: string) => readdirSync(join(directory, a.slice(-2)))

describe("files of a terminated upload", () => {
  it.scoped("are removed by the next process if the first one ends in between, and not set aside", () =>
    Effect.flatMap(directory, (directory) =>
      Effect.gen(function*() {
        yield* write
        yield* condemn
        deepStrictEqual(inPlace(directory), [a, `${a}.removed`])
        yield* sweepIn(0)
        deepStrictEqual([inPlace(directory), yield* list], [[], []])
      }).pipe(Effect.provide(layer(directory)))))

  it.scoped("stay if the termination was not committed, and are then like all others", () =>
    Effect.flatMap(directory, (directory) =>
      Effect.gen(function*() {
        const registry = yield* UploadRegistry.UploadRegistry
        yield* write
        const options = { fence: 1, durable: false }
        const entry = yield* registry.create(upload, options)
        yield* condemn
        yield* sweepIn(0)
        deepStrictEqual(inPlace(directory), [a])
        yield* registry.remove(entry, options)
        yield* sweepIn(0)
        deepStrictEqual((yield* list).map(({ size }) => size), [10])
      }).pipe(Effect.provide(layer(directory)))))

  it.scoped("are gone after a termination, with their mark", () =>
    Effect.flatMap(directory, (directory) =>
      Effect.gen(function*() {
        const store = yield* UploadStore.UploadStore
        yield* write
        yield* store.remove(yield* store.create(upload, 1), { by: "client" })
        deepStrictEqual(inPlace(directory), [])
      }).pipe(Effect.provide(layer(directory)))))
})
