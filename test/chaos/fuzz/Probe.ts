/**
 * A server on its real store in this process, with access to what it stores.
 */
import { ByteStore, Upload, UploadRegistry } from "effect-tus"
import { EmbeddedStore, NodeHashFunctions, NodeTusServer } from "effect-tus/node"
import { TusPolicy, TusServer, UploadIds } from "effect-tus/server"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { existsSync, readFileSync } from "node:fs"
import { Durability } from "../../../src/store/UploadStore.js"
import { directory } from "../../support/directory.js"
import { limits } from "./Story.js"

const idOf = (n: number) => Upload.UploadId.make(String(n).padStart(32, "0"))

export type Probe = Effect.Effect.Success<ReturnType<typeof probe>>

/** With `"later"` the files of small uploads are written in the background. */
export const probe = Effect.fnUntraced(function*(place: "database" | "files" | "later" = "files") {
  let last = 0
  let cleared = 0
  const layer = NodeTusServer.layerHttp({ port: 0 }).pipe(
    Layer.provideMerge(TusServer.layer),
    Layer.provideMerge(EmbeddedStore.layer({
      directory: yield* directory,
      smallUploads: place === "database" ? "database" : "files"
    })),
    Layer.provide(NodeHashFunctions.layer),
    Layer.provide(Layer.succeed(TusPolicy.TusPolicy, { ...limits, expiresAfter: "1 day" })),
    Layer.provide(Layer.succeed(Durability, place === "later" ? "completion" : "process")),
    Layer.provide(Layer.succeed(UploadIds.UploadIds, { next: Effect.sync(() => idOf(++last)) }))
  )
  const context = yield* Layer.build(layer)
  const run = <A, E>(
    effect: Effect.Effect<A, E, Layer.Layer.Success<typeof layer>>
  ) => Effect.runPromise(Effect.provide(effect, context))

  const { port } = yield* Effect.provide(NodeTusServer.NodeTusServer, context)
  const registry = yield* Effect.provide(UploadRegistry.UploadRegistry, context)
  const bytes = yield* Effect.provide(ByteStore.ByteStore, context)

  const { locate } = yield* Effect.provide(TusServer.TusServer, context)

  /** Afterwards nothing of the upload is written in the background any more. */
  const atRest = (id: Upload.UploadId) => place === "later" ? Effect.ignore(locate(id)) : Effect.void

  /** All bytes in the file of an upload, and those in its tail. */
  const contentOf = async (id: Upload.UploadId) => {
    const file = Option.getOrThrow(bytes.locate?.(id) ?? Option.none())
    const tail = await run(registry.tails?.read(id) ?? Effect.succeedNone)
    const pieces = Option.match(tail, { onNone: () => [], onSome: ({ pieces }) => pieces })
    const before = existsSync(file) ? readFileSync(file, "latin1") : ""
    return before + pieces.map((piece) => Buffer.from(piece).toString("latin1")).join("")
  }

  /** The stored state of an upload. */
  const entry = async (id: string) => {
    const found = await run(Effect.zipRight(atRest(Upload.UploadId.make(id)), registry.get(Upload.UploadId.make(id))))
    if (Option.isNone(found)) {
      return undefined
    }
    const { upload, version } = found.value
    return {
      bytes: await contentOf(upload.id),
      isOpen: upload.isOpen,
      kind: upload.kind._tag,
      length: Option.getOrNull(upload.length) as number | null,
      metadata: Option.getOrNull(upload.metadata),
      offset: upload.offset as number,
      version
    }
  }

  return {
    port,
    entry,
    /** The id of the next upload. */
    nextId: () => idOf(last + 1),
    count: () => run(Effect.map(registry.usage, ({ uploads }) => uploads)),
    /** Waits until the server has no more work for this upload. */
    settled: async (id: string) => {
      for (;;) {
        const found = await run(registry.get(Upload.UploadId.make(id)))
        if (Option.isNone(found) || !found.value.upload.isOpen) {
          return
        }
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    /** Makes an unfinished upload expire. */
    expire: (id: string) =>
      run(Effect.gen(function*() {
        const found = Option.getOrThrow(yield* registry.get(Upload.UploadId.make(id)))
        const expiresAt = Option.some(DateTime.subtract(yield* DateTime.now, { seconds: 1 }))
        yield* registry.commit(found, new Upload.Upload({ ...found.upload, expiresAt }), {
          fence: found.fence,
          durable: false
        })
      })),
    /** Removes all uploads. */
    clear: () =>
      run(Effect.gen(function*() {
        while (cleared < last) {
          yield* atRest(idOf(++cleared))
          const found = yield* registry.get(idOf(cleared))
          if (Option.isSome(found)) {
            yield* registry.remove(found.value, { fence: found.value.fence, durable: false })
            yield* bytes.remove(found.value.upload.id, found.value.fence)
          }
        }
      }))
  }
})
