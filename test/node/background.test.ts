/**
 * A whole server that answers when a small upload is in its database, and writes its file in the background.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { UploadEvents, UploadHooks } from "effect-tus/server"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileOf } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { eventually } from "../support/eventually.js"
import * as Exchange from "../support/exchange.js"
import { beside, filesIn, life } from "../support/life.js"
import { logged, untilLogged } from "../support/logged.js"
import { needs } from "../support/needs.js"
import { faults } from "../support/stored.js"
import { idOf } from "../support/uploads.js"

const letters = (length: number) => randomBytes(length).toString("base64").slice(0, length)

const files = { smallUploads: "files" } as const

/** What somebody has put where a file is to be. */
const obstacles: Readonly<Record<string, (file: string) => void>> = {
  "there is a directory in their place": (file) => void mkdirSync(file, { recursive: true }),
  "there is a file in the place of their directory": (file) => writeFileSync(dirname(file), "")
}

needs("SQLite")("files that are written in the background", () => {
  for (const durability of ["process", "completion", "always"] as const) {
    it.scopedLive(`are there soon after the answer, and the rows are gone, at durability ${durability}`, () =>
      Effect.gen(function*() {
        const at = yield* directory
        const text = letters(4096)
        yield* life({ ...files, directory: at, durability }, (server) =>
          Effect.gen(function*() {
            const paths = yield* Effect.forEach(
              Array.from({ length: 40 }),
              (_, i) =>
                i % 2 === 0
                  ? server.create(4096, {}, text)
                  : Effect.tap(
                    server.create(4096, {}, text.slice(0, 100)),
                    (path) => server.patch(path, 100, text.slice(100))
                  ),
              { concurrency: 8 }
            )
            // Whether it has moved or not.
            for (const path of paths) {
              assert.strictEqual(yield* server.get(path), text)
            }
            yield* eventually(() => paths.every((path) => existsSync(fileOf(at, path))))
            yield* Effect.repeat(beside(at), { until: ({ length }) => length === 0 })
            for (const path of paths) {
              assert.strictEqual(readFileSync(fileOf(at, path), "utf8"), text)
              assert.strictEqual(yield* server.get(path), text)
            }
          }))
        deepStrictEqual(yield* faults(at), [])
      }))
  }

  it.scopedLive("are there when a server has stopped", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(300)
      const paths = yield* life({ ...files, directory: at }, (server) =>
        Effect.forEach(Array.from({ length: 50 }), () =>
          server.create(300, {}, text), { concurrency: "unbounded" }))
      deepStrictEqual(filesIn(at).toSorted(), paths.map(idOf).toSorted())
      deepStrictEqual(yield* beside(at), [])
    }))

  it.scopedLive("are there before onComplete runs, before the event, and once they are located", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(500)
      const seen: Array<string> = []
      const look = (name: string, path: string) =>
        Effect.sync(() => {
          seen.push(name)
          assert.strictEqual(readFileSync(path, "utf8"), text)
        })
      const events = {
        publish: (event: UploadEvents.Event) =>
          event._tag === "Completed" ? look("event", Option.getOrThrow(event.location)) : Effect.void
      }
      yield* life({ ...files, directory: at }, (server) =>
        Effect.gen(function*() {
          const path = yield* server.create(500, {}, text)
          deepStrictEqual(yield* server.locate(path), Option.some(fileOf(at, path)))
          yield* look("located", fileOf(at, path))
          yield* eventually(() => seen.includes("event"))
          // An upload without all its bytes has no file to be located, and none that waits.
          const open = yield* server.create(500, {}, text.slice(0, 10))
          deepStrictEqual(yield* server.locate(open), Option.none())
        })).pipe(Effect.provideService(UploadEvents.UploadEvents, events))
      deepStrictEqual(seen.toSorted(), ["event", "located"])

      seen.length = 0
      const hooks = { onComplete: ({ id }: { readonly id: string }) => look("hook", fileOf(at, id)) }
      yield* life({ ...files, directory: at }, (server) => server.create(500, {}, text)).pipe(
        Effect.provideService(UploadHooks.UploadHooks, hooks),
        Effect.provideService(UploadEvents.UploadEvents, events)
      )
      deepStrictEqual(seen, ["hook", "event"])
      deepStrictEqual(yield* faults(at), [])
    }))

  it.scopedLive("are written by the next server, which publishes the event, if one has left them in the database", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(2000)
      const paths = yield* life(
        { directory: at, smallUploads: "database" },
        (server) => Effect.all([server.create(2000, {}, text), server.create(100, {}, text.slice(0, 100))])
      )
      // One was being written when the first server was killed.
      mkdirSync(dirname(fileOf(at, paths[0])), { recursive: true })
      writeFileSync(fileOf(at, paths[0]), text.slice(0, 700))
      const told: Array<string> = []
      const events = {
        publish: (event: UploadEvents.Event) =>
          Effect.sync(() => {
            if (event._tag === "Completed") {
              told.push(event.upload.id)
            }
          })
      }
      yield* life({ ...files, directory: at }, () => eventually(() => told.length === 2)).pipe(
        Effect.provideService(UploadEvents.UploadEvents, events)
      )
      deepStrictEqual(told.toSorted(), paths.map(idOf).toSorted())
      deepStrictEqual(paths.map((path) => readFileSync(fileOf(at, path), "utf8")), [text, text.slice(0, 100)])
      deepStrictEqual(yield* beside(at), [])
      deepStrictEqual(yield* faults(at), [])
    }))

  for (const [what, put] of Object.entries(obstacles)) {
    it.scopedLive(`keep nobody from the bytes if ${what}, and come with a later sweep`, () =>
      Effect.gen(function*() {
        const at = yield* directory
        const text = letters(600)
        const path = yield* life({ directory: at, smallUploads: "database" }, (server) => server.create(600, {}, text))
        const file = fileOf(at, path)
        put(file)
        const lines: Array<string> = []
        yield* life({ ...files, directory: at }, (server) =>
          Effect.gen(function*() {
            yield* untilLogged(lines, /stays in the registry until a later sweep: .*: E(ISDIR|NOTDIR)/)
            assert.strictEqual(yield* server.get(path), text)
            const refused = yield* Effect.flip(server.locate(path))
            assert.include(refused.message, file)
            // All others are not hindered.
            const other = yield* server.create(5, {}, "hello")
            assert.strictEqual(yield* server.get(other), "hello")
            assert.strictEqual(yield* server.get(path), text)
            deepStrictEqual((yield* beside(at)).filter((size) => size === 600), [600])
          })).pipe(Effect.provide(logged(lines)))
        rmSync(what === "there is a directory in their place" ? file : dirname(file), { recursive: true })
        yield* life({ ...files, directory: at }, () => eventually(() => existsSync(file)))
        assert.strictEqual(readFileSync(file, "utf8"), text)
        deepStrictEqual(yield* faults(at), [])
      }))
  }

  it.scopedLive("are written into a directory that has gone", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(600)
      yield* life({ ...files, directory: at }, (server) =>
        Effect.gen(function*() {
          // The first one makes the directories that the others lie in, and the server remembers them.
          const gone = yield* Effect.replicateEffect(
            Effect.gen(function*() {
              const path = yield* server.create(600, {}, text)
              yield* eventually(() => existsSync(fileOf(at, path)))
              yield* server.send(Exchange.terminate(path))
              rmSync(dirname(fileOf(at, path)), { recursive: true })
              return dirname(fileOf(at, path))
            }),
            40
          )
          const paths = yield* Effect.replicateEffect(server.create(600, {}, text), 200)
          assert.isTrue(paths.some((path) => gone.includes(dirname(fileOf(at, path)))))
          yield* Effect.forEach(paths, (path) => eventually(() => existsSync(fileOf(at, path))))
        }))
      deepStrictEqual(yield* faults(at), [])
      deepStrictEqual(yield* beside(at), [])
    }))

  it.scopedLive("leave nothing of an upload that is deleted meanwhile", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(1000)
      yield* life({ ...files, directory: at }, (server) =>
        Effect.forEach(
          Array.from({ length: 60 }),
          () => Effect.flatMap(server.create(1000, {}, text), (path) => server.send(Exchange.terminate(path))),
          { concurrency: 12 }
        ))
      deepStrictEqual(filesIn(at), [])
      deepStrictEqual(yield* beside(at), [])
    }))

  it.scopedLive("make an answer wait for its own file if too many wait", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const text = letters(100)
      const goOn = yield* Deferred.make<void>()
      let told = 0
      // Whoever listens to the event of a file holds those behind it up.
      const events = {
        publish: (event: UploadEvents.Event) =>
          event._tag === "Completed"
            ? Effect.zipRight(Effect.sync(() => told++), Deferred.await(goOn))
            : Effect.void
      }
      yield* life({ ...files, directory: at }, (server) =>
        Effect.gen(function*() {
          yield* Effect.forEach(Array.from({ length: 1024 }), () => server.create(100, {}, text), { concurrency: 32 })
          assert.strictEqual(told, 16)
          const last = yield* Effect.fork(server.create(100, {}, text))
          yield* eventually(() => told === 17)
          assert.strictEqual(last.unsafePoll(), null)
          yield* Deferred.succeed(goOn, undefined)
          const path = yield* last
          assert.strictEqual(readFileSync(fileOf(at, path), "utf8"), text)
        })).pipe(Effect.provideService(UploadEvents.UploadEvents, events))
      assert.strictEqual(told, 1025)
      deepStrictEqual(yield* beside(at), [])
      deepStrictEqual(yield* faults(at), [])
    }))
})
