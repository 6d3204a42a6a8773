/**
 * The rows of the locks that this server takes and gives back.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { UploadId } from "../protocol/Upload.js"
import * as Rows from "../sql/Rows.js"
import * as SqlFailure from "../sql/SqlFailure.js"
import type { Restore } from "../store/LockLines.js"
import type { StoredUpload } from "../store/UploadRegistry.js"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import * as LockTables from "./LockTables.js"

export interface LockRows {
  /** The fence, unless another server that lives has the lock. */
  readonly acquire: (id: UploadId) => Effect.Effect<Option.Option<number>, UploadStoreError>
  /** Asks the server that has the lock to let it go, and waits for it. */
  readonly acquireInTurn: (id: UploadId, restore: Restore) => Effect.Effect<number, UploadStoreError>
  /** Never fails: a row that cannot be removed is left behind. */
  readonly release: (id: UploadId) => Effect.Effect<void>
  /** The state that was loaded when the lock was taken, once. */
  readonly takeLoaded: (id: UploadId) => StoredUpload | undefined
  /** Whoever waits for this upload, or for any, asks again. */
  readonly wake: (id: string | undefined) => void
  /** The highest fence so far; 0 before the first. */
  readonly lastFence: () => number
  /** Uploads whose rows may have been left behind: an answer was lost, or the database was away. */
  readonly leftBehind: () => ReadonlyArray<UploadId>
  /** The row of this upload has been left behind. */
  readonly leave: (id: UploadId) => void
}

/**
 * An upload is in use once at a time in this process. `onRepeated` runs if PostgreSQL gives out a fence that it has
 * given out before, since it has forgotten its last transactions.
 */
export const make = (
  sql: SqlClient.SqlClient,
  server: string,
  onRepeated: Effect.Effect<void, UploadStoreError>
): LockRows => {
  const statements = {
    acquire: LockTables.acquire(sql, server),
    release: LockTables.release(sql)
  }
  const taken = new Map<UploadId, Taken>()
  const left = new Set<UploadId>()
  const waiters = makeWaiters(LockTables.want(sql, server))
  let lastFence = 0
  /** The fence before this statement, since the answers of two may come in any order. */
  const acquire: LockRows["acquire"] = (id) =>
    Effect.suspend(() => {
      const before = lastFence
      return statements.acquire(id).pipe(
        Effect.tapError(() => Effect.sync(() => left.add(id))),
        Effect.mapError(failed(id)),
        Effect.flatMap(([row]) => {
          left.delete(id)
          if (row === undefined) {
            return Effect.succeedNone
          }
          const fence = Number(row.lock_fence)
          if (fence <= before) {
            return Effect.zipRight(onRepeated, acquire(id))
          }
          lastFence = Math.max(lastFence, fence)
          taken.set(id, { hold: row.lock_hold, loaded: Option.getOrUndefined(entryOf(row)) })
          return Effect.succeedSome(fence)
        })
      )
    })

  const acquireInTurn: LockRows["acquireInTurn"] = (id, restore) =>
    Effect.flatMap(
      acquire(id),
      Option.match({
        onNone: () => Effect.zipRight(waiters.waitFor(id, restore), acquireInTurn(id, restore)),
        onSome: Effect.succeed
      })
    )

  return {
    acquire,
    acquireInTurn,
    release: (id) =>
      Effect.suspend(() => {
        const last = taken.get(id)
        taken.delete(id)
        return last === undefined ? Effect.void : Effect.matchEffect(statements.release(id, last.hold), {
          onFailure: () => Effect.sync(() => left.add(id)),
          onSuccess: () => Effect.void
        })
      }),
    takeLoaded: (id) => {
      const last = taken.get(id)
      const entry = last?.loaded
      if (last !== undefined) {
        last.loaded = undefined
      }
      return entry
    },
    wake: waiters.wake,
    lastFence: () => lastFence,
    leftBehind: () => [...left],
    leave: (id) => void left.add(id)
  }
}

/** Those who wait for other servers, one for each upload. `want` asks the server that has it to let it go. */
const makeWaiters = (want: ReturnType<typeof LockTables.want>) => {
  const waiting = new Map<UploadId, Deferred.Deferred<void>>()

  return {
    /** What becomes free from the question on is heard. Nobody to ask: the upload is free already. */
    waitFor: (id: UploadId, restore: Restore) =>
      Effect.acquireUseRelease(
        Effect.tap(Deferred.make<void>(), (freed) => Effect.sync(() => waiting.set(id, freed))),
        (freed) =>
          Effect.flatMap(
            Effect.mapError(want(id), failed(id)),
            (holders) => holders.length === 0 ? Effect.void : restore(Deferred.await(freed))
          ),
        () => Effect.sync(() => waiting.delete(id))
      ),

    wake: (id: string | undefined) =>
      waiting.forEach((freed, waits) => {
        if (id === undefined || id === waits) {
          Deferred.unsafeDone(freed, Effect.void)
        }
      })
  }
}

/** A row that this server has taken, and the state, until somebody has taken that. */
interface Taken {
  readonly hold: string
  loaded: StoredUpload | undefined
}

/** The state, if it has been claimed and can be read. */
const entryOf = ({ id, ...columns }: LockTables.Acquired): Option.Option<StoredUpload> =>
  id === null ? Option.none() : Option.getRight(Rows.decodeEntry({ ...columns, id }))

const failed = (id: UploadId) => SqlFailure.toStoreError("Write", `lock ${id}`)
