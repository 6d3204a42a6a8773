/**
 * What an operator does with uploads, beside clients and under the same locks. It checks no authorization: code that
 * has this service is trusted. It knows all uploads of the registry, whichever server they were sent to; with a lock of
 * several servers, such as `PgUploadLock`, `terminate` stops a body that another server receives.
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import { Contended, type Refusal, UploadNotFound } from "../../protocol/Refusal.js"
import type { Upload, UploadId } from "../../protocol/Upload.js"
import { UploadLock } from "../../store/UploadLock.js"
import { type Page, pages, type StoredUpload, type Unreadable, UploadRegistry } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as HookRunner from "../verbs/HookRunner.js"
import * as Terminate from "../verbs/Terminate.js"

/** The stored state, and the location of its bytes, `Option.none` if the store has no files. */
export interface Inspection extends StoredUpload {
  /** The path of the file. */
  readonly location: Option.Option<string>
}

/**
 * The operations of an operator. Every method fails with `UploadStoreError` if the store fails, and with
 * `UploadNotFound` for an unknown upload; `terminate` also fails with the refusal of a DELETE, such as `Denied`. An
 * upload of a dialect that this version does not serve can be listed and inspected; changing it is an
 * `UploadStoreError`.
 */
export class TusAdmin extends Context.Tag("effect-tus/TusAdmin")<TusAdmin, {
  /**
   * All uploads in the order of their ids, read page by page: an upload that is created or removed meanwhile may be
   * included or not. A state that cannot be read is a `Left` with the reason.
   */
  readonly list: Stream.Stream<Either.Either<Upload, Unreadable>, UploadStoreError>

  /**
   * One upload, of any dialect. Its offset counts committed bytes; a running request may have stored more.
   */
  readonly inspect: (id: UploadId) => Effect.Effect<Inspection, UploadNotFound | UploadStoreError>

  /**
   * Fixes the expiry of an unfinished upload, `Option.none` for never; further bytes do not change it. It also revives
   * an expired upload that has not been removed yet. A completed upload does not expire and is not changed. Fails with
   * `Contended` while a request writes to the upload, on any server.
   */
  readonly extend: (
    id: UploadId,
    expiresAt: Option.Option<DateTime.Utc>
  ) => Effect.Effect<Upload, Contended | UploadNotFound | UploadStoreError>

  /** Removes an upload like a DELETE: `onTerminate` runs and may refuse. */
  readonly terminate: (id: UploadId) => Effect.Effect<void, Refusal | UploadStoreError>
}>() {}

/**
 * Uses the provided services, with the hooks and events of the context. Dies with an `OptionError` if the `timeLimit`
 * of the hooks is no duration.
 */
export const make = Effect.gen(function*() {
  const registry = yield* UploadRegistry
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const terminate = yield* Terminate.terminator(yield* HookRunner.make)

  return TusAdmin.of({
    list: pages(({ after, limit }: Page<Either.Either<Upload, Unreadable>>) =>
      registry.list({ limit, after: after && Either.merge(after).id })
    ),
    inspect: (id) =>
      Effect.flatMap(
        registry.get(id),
        Option.match({
          onNone: (): Effect.Effect<Inspection, UploadNotFound | UploadStoreError> => new UploadNotFound({ id }),
          onSome: (entry) => Effect.map(store.locate(id), (location) => ({ ...entry, location }))
        })
      ),
    extend: (id, expiresAt) =>
      lock.withLockIfFree(id, ({ fence }) =>
        Effect.flatMap(store.claim(id, fence), (entry) =>
          entry.upload.isOpen
            ? Effect.uninterruptible(store.commit(entry, entry.upload.amend({ expiresAt })))
            : Effect.succeed(entry))).pipe(
          Effect.flatMap(Option.match({ onNone: contended, onSome: ({ upload }) => Effect.succeed(upload) })),
          Effect.catchTag("Superseded", contended)
        ),
    terminate: (id) => Effect.catchTag(terminate(id), "Superseded", contended)
  })
})

/**
 * For a process that serves uploads, or that uses a stopped directory alone. Beside a server, provide the services of
 * that server: the same `UploadLock`, or neither waits for the other, and the same `UploadHooks` and `UploadEvents`, or
 * nobody hears of a removal. Where servers share a PostgreSQL and `PgUploadLock`, any process may use both. The events
 * of what it does are published in its own process.
 *
 * @example
 * ```ts
 * import { Console, Effect, Either, Layer, Stream } from "effect"
 * import { EmbeddedServer } from "effect-tus/node"
 * import { TusAdmin } from "effect-tus/server"
 *
 * const list = Effect.flatMap(TusAdmin.TusAdmin, ({ list }) =>
 *   Stream.runForEach(list, Either.match({
 *     onLeft: ({ id }) => Console.error(`${id} cannot be read`),
 *     onRight: ({ id, offset }) => Console.log(`${id}: ${offset} bytes`)
 *   })))
 *
 * export const main = list.pipe(
 *   Effect.provide(TusAdmin.layer.pipe(Layer.provide(EmbeddedServer.layer({ directory: "./uploads" }))))
 * )
 * ```
 */
export const layer: Layer.Layer<TusAdmin, never, UploadLock | UploadRegistry | UploadStore> = Layer.effect(
  TusAdmin,
  make
)

const contended = () => new Contended()
