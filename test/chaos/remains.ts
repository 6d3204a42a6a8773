/**
 * What lies in a directory of uploads once everything that may go has gone: the store, opened without a server, is swept
 * at a time at which all that is unfinished has expired.
 */
import { type Upload, UploadRegistry } from "effect-tus"
import { EmbeddedStore, NodeDigests } from "effect-tus/node"
import { TusServer, TusSweeper } from "effect-tus/server"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import { readdirSync } from "node:fs"

export interface Remains {
  readonly uploads: ReadonlyArray<Upload.Upload>
  /** Files that are not the database's, and lie anywhere. */
  readonly files: ReadonlyArray<string>
}

export const remains = (directory: string, after: Duration.DurationInput): Effect.Effect<Remains> =>
  Effect.gen(function*() {
    yield* TestClock.setTime(Date.now() + Duration.toMillis(after))
    const { sweep, sweepOrphans } = yield* TusSweeper.make
    yield* sweep()
    yield* sweepOrphans
    const registry = yield* UploadRegistry.UploadRegistry
    const uploads = yield* UploadRegistry.pages(registry.list).pipe(
      Stream.mapEffect(registry.get),
      Stream.filterMap(Option.map(({ upload }) => upload)),
      Stream.runCollect
    )
    return {
      uploads: Chunk.toReadonlyArray(uploads),
      files: readdirSync(directory, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.startsWith("uploads.sqlite"))
        .map(({ name }) => name)
    }
  }).pipe(
    Effect.provide(TusServer.layer.pipe(
      Layer.provideMerge(EmbeddedStore.layer({ directory })),
      Layer.provide(NodeDigests.layer)
    )),
    Effect.provide(TestContext.TestContext),
    Effect.orDie
  )
