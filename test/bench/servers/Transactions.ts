/**
 * States in SQLite, with the columns, the indexes and the settings of this package, and small bytes beside them. What
 * arrives in one turn of the event loop is one transaction. Nothing is checked.
 */
import { createRequire } from "node:module"
import { join } from "node:path"

interface Statement {
  readonly run: (...parameters: ReadonlyArray<unknown>) => void
}

/** What is used of better-sqlite3, which has no types of its own. */
interface Database {
  readonly exec: (sql: string) => void
  readonly pragma: (setting: string) => void
  readonly prepare: (sql: string) => Statement
}

const Sqlite = createRequire(import.meta.url)("better-sqlite3") as new(path: string) => Database

export interface Upload {
  readonly id: string
  readonly length: number
  offset: number
}

interface Write {
  readonly upload: Upload
  /** What is stored beside the state. */
  readonly tail?: { readonly at: number; readonly bytes: Buffer } | undefined
  /** Whether `done` waits until it survives a power cut. */
  readonly durable: boolean
  readonly done: () => void
}

const tables = `
  CREATE TABLE uploads (
    id TEXT PRIMARY KEY NOT NULL, version BIGINT NOT NULL, fence BIGINT NOT NULL, kind TEXT NOT NULL, parts TEXT,
    concat TEXT, upload_offset BIGINT NOT NULL, upload_length BIGINT, metadata TEXT, created_at BIGINT NOT NULL,
    expires_at BIGINT, completion TEXT NOT NULL, completed_at BIGINT, rejected_status BIGINT, rejected_reason TEXT,
    dialect TEXT NOT NULL, synced_offset BIGINT NOT NULL, expiry_stands BIGINT NOT NULL DEFAULT 0, owner TEXT,
    final_answer TEXT
  );
  CREATE INDEX uploads_fence ON uploads (fence, upload_offset);
  CREATE INDEX uploads_expiry ON uploads (expires_at, id) WHERE expires_at IS NOT NULL;
  CREATE INDEX uploads_unsettled ON uploads (id)
    WHERE completion = 'Finishing' OR (kind = 'Final' AND completion = 'Open');
  CREATE INDEX uploads_begun ON uploads (id, upload_offset, synced_offset)
    WHERE completion = 'Open' AND upload_offset > 0;
  CREATE TABLE tails (
    id TEXT NOT NULL, at BIGINT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (id, at)
  ) WITHOUT ROWID`

const upsert = `
  INSERT INTO uploads
    (id, version, fence, kind, upload_offset, upload_length, created_at, completion, completed_at, dialect, synced_offset)
  VALUES (@id, 1, @fence, 'Whole', @offset, @length, @now, @completion, @completedAt, 'tus', @synced)
  ON CONFLICT DO UPDATE SET version = version + 1, fence = @fence, upload_offset = @offset, completion = @completion,
    completed_at = @completedAt, synced_offset = @synced`

export const open = (directory: string) => {
  const db = new Sqlite(join(directory, "uploads.sqlite"))
  db.pragma("locking_mode = EXCLUSIVE")
  db.pragma("journal_mode = WAL")
  db.pragma("synchronous = NORMAL")
  db.exec(tables)
  const [state, tail] = [db.prepare(upsert), db.prepare("INSERT OR REPLACE INTO tails VALUES (?, ?, ?)")]
  const removals = ["uploads", "tails"].map((table) => db.prepare(`DELETE FROM ${table} WHERE id = ?`))
  let waiting: Array<Write> = []
  let fence = 0
  let isSynced = false

  const flush = () => {
    const batch = waiting
    waiting = []
    const durable = batch.some((write) => write.durable)
    if (durable !== isSynced) {
      isSynced = durable
      db.pragma(`synchronous = ${durable ? "FULL" : "NORMAL"}`)
    }
    db.exec("BEGIN")
    for (const write of batch) {
      const { id, length, offset } = write.upload
      const [now, isWhole] = [Date.now(), offset === length]
      state.run({
        id,
        length,
        offset,
        now,
        fence: ++fence,
        completion: isWhole ? "Complete" : "Open",
        completedAt: isWhole ? now : null,
        synced: write.durable ? offset : 0
      })
      if (write.tail !== undefined) {
        tail.run(id, write.tail.at, write.tail.bytes)
      }
    }
    db.exec("COMMIT")
    batch.forEach(({ done }) => done())
  }

  return {
    commit: (write: Write) => {
      if (waiting.push(write) === 1) {
        setImmediate(flush)
      }
    },
    remove: (id: string) => removals.forEach((removal) => removal.run(id))
  }
}
