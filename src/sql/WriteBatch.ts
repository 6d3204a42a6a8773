/**
 * A batch of writes: one statement for all creations, one for all commits, one for all removals, in one transaction.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type { RemoveOptions, StoredUpload, WriteOptions } from "../store/UploadRegistry.js"
import * as Accounts from "./Accounts.js"
import * as SqlFailure from "./SqlFailure.js"
import * as Tails from "./Tails.js"
import * as UploadRow from "./UploadRow.js"
import * as WriteStatements from "./WriteStatements.js"

export interface Write {
  readonly _tag: WriteStatements.Kind
  /** The new row; for a removal, the current row with the fence of the remover. */
  readonly row: UploadRow.UploadRow
  /** Whether the parts that the upload names may change. */
  readonly relinks: boolean
  readonly tail: Tails.Change
  readonly durable: boolean
}

export const create = (entry: StoredUpload, { durable, tail }: WriteOptions): Write => ({
  _tag: "Create",
  row: UploadRow.encode(entry),
  relinks: entry.upload.isFinal,
  tail: Tails.begun(entry, tail),
  durable
})

/** A commit keeps the same `kind` object; writing the same parts again would do no harm. */
export const commit = (before: StoredUpload, entry: StoredUpload, { durable, tail }: WriteOptions): Write => ({
  _tag: "Commit",
  row: UploadRow.encode(entry),
  relinks: before.upload.kind !== entry.upload.kind && (before.upload.isFinal || entry.upload.isFinal),
  tail: Tails.changed(before, entry, tail),
  durable
})

export const remove = (entry: StoredUpload, { durable, fence, unlessNamed = false }: RemoveOptions): Write => ({
  _tag: unlessNamed ? "RemoveUnlessNamed" : "Remove",
  row: UploadRow.encode({ ...entry, fence }),
  relinks: entry.upload.isFinal,
  tail: Tails.removed(entry),
  durable
})

type Written = Effect.Effect<ReadonlySet<string>, SqlError>

/** Performs writes for different uploads, all or none, and returns the ids of those that took effect. */
export const perform = (sql: SqlClient.SqlClient) => {
  const statements = WriteStatements.make(sql)
  const announceTails = Tails.announce(sql)

  const run = (writes: ReadonlyArray<Write>, tag: WriteStatements.Kind) => {
    const rows = writes.filter(({ _tag }) => _tag === tag).map(({ row }) => row)
    return rows.length === 0 ? Effect.succeed([]) : statements[tag](rows)
  }

  const lockAccounts = sql.onDialectOrElse({
    pg: () => (writes: ReadonlyArray<Write>) =>
      Accounts.lock(
        sql,
        writes.flatMap(({ _tag, row }) => _tag === "Commit" && row.completion === "Open" ? [] : [row])
      ),
    orElse: () => () => Effect.void
  })

  const all = Effect.fnUntraced(function*(writes: ReadonlyArray<Write>) {
    if (kindsOf(writes) > 1) {
      yield* lockAccounts(writes)
    }
    const rows = [
      ...(yield* run(writes, "Create")),
      ...(yield* run(writes, "Commit")),
      ...(yield* run(writes, "Remove")),
      ...(yield* run(writes, "RemoveUnlessNamed"))
    ]
    const done: ReadonlySet<string> = new Set(rows.map(({ id }) => id))
    yield* relink(sql, writes.filter(({ relinks, row }) => relinks && done.has(row.id)))
    yield* Tails.change(sql, writes.flatMap(({ row: { id }, tail }) => done.has(id) ? [{ id, tail }] : []))
    return done
  })

  const leave = sql.onDialectOrElse({
    sqlite: () => Effect.ignore(sql`ROLLBACK`.unprepared),
    orElse: () => Effect.void
  })

  /** `withTransaction` turns a failing COMMIT into a defect, and leaves SQLite within the transaction. */
  const transaction = <A>(self: Effect.Effect<A, SqlError>) =>
    Effect.catchAllDefect(
      sql.withTransaction(self),
      (defect) => defect instanceof SqlError ? Effect.zipRight(leave, defect) : Effect.die(defect)
    )

  const insisting = sql.onDialectOrElse({
    pg: () => (self: Written) => Effect.retry(self, { while: SqlFailure.isConflict, times: 3 }),
    orElse: () => identity<Written>
  })

  /** A single statement is a transaction by itself, which is cheaper. */
  return (writes: ReadonlyArray<Write>): Written => {
    // Servers that write the same rows wait for each other; in one order, none waits for one that waits for it.
    const ordered = writes.toSorted((a, b) => a.row.id < b.row.id ? -1 : 1)
    const isSingle = kindsOf(writes) === 1 &&
      writes.every(({ relinks, tail }) => !relinks && tail._tag === "None")
    const written = insisting(isSingle ? all(ordered) : transaction(all(ordered)))
    return writes.some(({ tail }) => tail._tag === "Grow") ? Effect.zipRight(announceTails, written) : written
  }
}

const kindsOf = (writes: ReadonlyArray<Write>): number => new Set(writes.map(({ _tag }) => _tag)).size

/** Writes the parts that the uploads name to their own table, in place of those that they named before. */
const relink = Effect.fnUntraced(function*(sql: SqlClient.SqlClient, writes: ReadonlyArray<Write>) {
  const before = writes.filter(({ _tag }) => _tag !== "Create").map(({ row }) => row.id)
  if (before.length > 0) {
    yield* sql`DELETE FROM effect_tus_parts WHERE ${sql.in("final_id", before)}`
  }
  const links = writes.filter(({ _tag }) => _tag === "Create" || _tag === "Commit").flatMap(({ row: { id, parts } }) =>
    parts === null ? [] : parts.split(" ").map((part_id) => ({ final_id: id, part_id }))
  )
  yield* Effect.forEach(
    Arr.chunksOf(links, 1024),
    (rows) => sql`INSERT INTO effect_tus_parts ${sql.insert(rows)} ON CONFLICT DO NOTHING`,
    { discard: true }
  )
})
