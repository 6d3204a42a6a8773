/**
 * What the promises cost at the least: a row an upload, in the same tables under the same settings, those of one turn of the
 * event loop in one transaction.
 */
import Sqlite from "better-sqlite3"
import { join } from "node:path"

export const make = (directory) => {
  const db = new Sqlite(join(directory, "uploads.sqlite"))
  db.pragma("locking_mode = EXCLUSIVE")
  db.pragma("journal_mode = WAL")
  db.pragma("synchronous = NORMAL")
  db.exec(`CREATE TABLE uploads (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, fence BIGINT NOT NULL, kind TEXT NOT NULL, upload_offset BIGINT NOT NULL,
    upload_length BIGINT, created_at BIGINT NOT NULL, completion TEXT NOT NULL, dialect TEXT NOT NULL, synced_offset BIGINT NOT NULL
  );
  CREATE INDEX fences ON uploads (fence, upload_offset);
  CREATE INDEX unsynced ON uploads (id) WHERE completion = 'Open' AND upload_offset > synced_offset`)
  const write = db.prepare(
    `INSERT INTO uploads VALUES (@id, 1, @fence, 'Whole', @offset, @length, @now, @completion, 'tus', @synced)
    ON CONFLICT DO UPDATE SET version = version + 1, fence = @fence, upload_offset = @offset, completion = @completion,
      synced_offset = @synced`
  )
  let waiting = []
  let fence = 0

  const flush = () => {
    const batch = waiting
    waiting = []
    const durable = batch.some((write) => write.durable)
    if (durable) {
      db.pragma("synchronous = FULL")
    }
    db.exec("BEGIN")
    batch.forEach(({ durable, row }) => {
      const completion = row.offset === row.length ? "Complete" : "Open"
      write.run({ ...row, fence: ++fence, now: Date.now(), completion, synced: durable ? row.offset : 0 })
    })
    db.exec("COMMIT")
    if (durable) {
      db.pragma("synchronous = NORMAL")
    }
    batch.forEach(({ done }) => done())
  }

  return (row, durable, done) => {
    if (waiting.push({ row, durable, done }) === 1) {
      setImmediate(flush)
    }
  }
}
