/**
 * Space for states on a full disk: a file beside the database that is removed when a state cannot be written. So
 * freeing space always works; new uploads wait until the file is there again.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { randomFillSync } from "node:crypto"
import { join } from "node:path"
import * as SqlFailure from "../../sql/SqlFailure.js"
import { ByteStore } from "../../store/ByteStore.js"
import { UploadRegistry } from "../../store/UploadRegistry.js"
import { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "../files/NodeFs.js"

/** The reserved space of a directory. */
export class Reserve extends Context.Tag("effect-tus/Reserve")<Reserve, {
  /** Whether it is there. */
  readonly isKept: () => boolean
  /** Creates it if it is missing; fails with `NoSpace` if there is no space for it. */
  readonly keep: Effect.Effect<void, UploadStoreError>
  /**
   * Writes a state. Fails with `NoSpace` if there is no space, also if the database does not say so, as with a quota.
   */
  readonly explain: <A, E>(write: Effect.Effect<A, E | UploadStoreError>) => Effect.Effect<A, E | UploadStoreError>
  /** Like `explain`, and removes the reserve if there is no space left. */
  readonly spend: <A, E>(write: Effect.Effect<A, E | UploadStoreError>) => Effect.Effect<A, E | UploadStoreError>
}>() {}

export interface Options {
  readonly directory: string
  readonly permissions: NodeFs.Permissions
}

/** What the database may need until it restarts its write-ahead log, which SQLite does after 1,000 pages. */
const bytes = 4 * 1024 * 1024

/** Random bytes, which no file system can compress. */
const filling = randomFillSync(Buffer.allocUnsafeSlow(256 * 1024))

/** Less on a small disk. */
const sizeIn = (directory: string) =>
  Effect.map(NodeFs.capacity(directory), (capacity) => Math.min(bytes, Math.floor(capacity / 8)))

const make = Effect.fnUntraced(function*({ directory, permissions }: Options) {
  const path = join(directory, "reserve")
  const size = yield* sizeIn(directory)
  const one = Effect.unsafeMakeSemaphore(1)
  const present = yield* Effect.catchIf(NodeFs.sizeOf(path), NodeFs.isAbsent, () => Effect.succeed(0))
  let isKept = present >= size
  let spent = 0

  /** Requires twice as much free space, or it would be removed again at once. */
  const fill = Effect.gen(function*() {
    if ((yield* NodeFs.free(directory)) < 2 * size) {
      return yield* new UploadStoreError({
        reason: "NoSpace",
        operation: `keep ${size} bytes in reserve in ${path}`,
        cause: new Error(`the disk has less than ${2 * size} bytes free; free some space`)
      })
    }
    yield* NodeFs.use(path, "w", (file) => writeFilling(file, size), permissions).pipe(
      Effect.onError(() => Effect.ignore(NodeFs.removeIfPresent(path)))
    )
    isKept = true
  })

  const keep = one.withPermits(1)(Effect.suspend(() => isKept ? Effect.void : fill))

  /** Returns whether there is space that was missing at `before`. */
  const giveUp = (before: number) =>
    one.withPermits(1)(Effect.suspend(() => {
      if (spent > before || !isKept) {
        return Effect.succeed(spent > before)
      }
      isKept = false
      spent++
      return Effect.as(NodeFs.removeIfPresent(path), true)
    }))

  const probe = `${path}.probe`
  const hasRoom = NodeFs.use(probe, "w", (file) => writeFilling(file, filling.length), permissions).pipe(
    Effect.as(true),
    Effect.catchIf(isNoSpace, () => Effect.succeed(false)),
    Effect.ensuring(Effect.ignore(NodeFs.removeIfPresent(probe)))
  )

  const explained = (error: UploadStoreError) =>
    error.reason === "NoSpace"
      ? Effect.succeed(error)
      : Effect.map(Effect.orElseSucceed(hasRoom, () => true), (hasRoom) =>
        hasRoom
          ? error
          : new UploadStoreError({ reason: "NoSpace", operation: error.operation, cause: error.cause }))

  yield* Effect.catchIf(keep, isNoSpace, () => Effect.void)
  return Reserve.of({
    isKept: () => isKept,
    keep,
    explain: (write) => Effect.catchIf(write, mayLackRoom, (error) => Effect.flatMap(explained(error), Effect.fail)),
    spend: (write) =>
      Effect.suspend(() => {
        const before = spent
        return Effect.catchIf(write, mayLackRoom, (error) =>
          Effect.flatMap(explained(error), (error) =>
            error.reason === "NoSpace"
              ? Effect.flatMap(giveUp(before), (hasRoom) =>
                hasRoom ? write : Effect.fail(error))
              : Effect.fail(error)))
      })
  })
})

const isNoSpace = (error: unknown): error is UploadStoreError =>
  error instanceof UploadStoreError && error.reason === "NoSpace"

const mayLackRoom = (error: unknown): error is UploadStoreError =>
  error instanceof UploadStoreError && (error.reason === "NoSpace" || SqlFailure.isUnexplained(error))

const writeFilling = Effect.fnUntraced(function*(file: NodeFs.File, size: number) {
  for (let at = 0; at < size;) {
    at += yield* NodeFs.write(file, [filling.subarray(0, size - at)], at)
  }
})

/**
 * Keeps the reserve in the directory of the provided byte store, to which nothing is added while the reserve is
 * missing.
 */
export const layer = (options: Options): Layer.Layer<ByteStore | Reserve, UploadStoreError, ByteStore> =>
  Layer.effectContext(Effect.gen(function*() {
    const bytes = yield* ByteStore
    const reserve = yield* make(options)
    const guarded = ByteStore.of({
      ...bytes,
      append: (id, place, pull, onWritten) => {
        // A running append would take the space that was freed for a state.
        const written = (end: number) =>
          reserve.isKept() ? onWritten(end) : Effect.zipRight(onWritten(end), reserve.keep)
        const append = bytes.append(id, place, pull, written)
        return reserve.isKept() ? append : Effect.zipRight(reserve.keep, append)
      },
      concat: (id, parts, fence) => Effect.zipRight(reserve.keep, bytes.concat(id, parts, fence))
    })
    return Context.make(ByteStore, guarded).pipe(Context.add(Reserve, reserve))
  }))

/**
 * The provided registry, whose database is on the same disk. It adds no upload and no bytes while the reserve is
 * missing. If even the reserve is not enough to remove a state, the bytes are removed first, which only this process
 * can use.
 */
export const layerRegistry: Layer.Layer<UploadRegistry, never, ByteStore | Reserve | UploadRegistry> = Layer.effect(
  UploadRegistry,
  Effect.gen(function*() {
    const registry = yield* UploadRegistry
    const bytes = yield* ByteStore
    const reserve = yield* Reserve

    /** Space that the database no longer needs may be enough for the reserve. */
    const keep = Effect.zipRight(Effect.ignoreLogged(registry.giveBack ?? Effect.void), reserve.keep)

    /** A write that adds an upload or bytes leaves the reserve alone. */
    const adding = <A, E>(write: Effect.Effect<A, E>) =>
      reserve.isKept() ? reserve.explain(write) : Effect.zipRight(keep, reserve.explain(write))

    return UploadRegistry.of({
      ...registry,
      create: (upload, options) => adding(registry.create(upload, options)),
      commit: (entry, next, options) => {
        const commit = registry.commit(entry, next, options)
        return options.tail === undefined ? reserve.spend(commit) : adding(commit)
      },
      remove: (entry, options) => {
        const remove = registry.remove(entry, options)
        return Effect.catchIf(reserve.spend(remove), isNoSpace, (error) =>
          options.unlessNamed === true
            ? Effect.fail(error)
            : Effect.zipRight(bytes.remove(entry.upload.id, options.fence), reserve.explain(remove)))
      }
    })
  })
)
