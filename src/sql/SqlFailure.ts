/**
 * What a failing database means to a store.
 */
import type { MigrationError } from "@effect/sql/Migrator"
import type { SqlError } from "@effect/sql/SqlError"
import * as Predicate from "effect/Predicate"
import { UploadStoreError } from "../store/UploadStoreError.js"

export const toStoreError = (reason: "Read" | "Write", operation: string) =>
(
  error: SqlError | MigrationError
): UploadStoreError =>
  new UploadStoreError({
    reason: full.has(codeOf(error)) ? "NoSpace" : isUnreached(error) ? "Unavailable" : reason,
    operation,
    cause: advised(error.cause ?? error)
  })

/** The error of a driver, and what to do about it. */
export const advised = (cause: unknown): unknown => {
  const [, advice] = advices.find(([code]) => code.test(codeOf({ cause }))) ?? []
  return advice === undefined ? cause : new Error(`${messageOf({ cause })}; ${advice}`, { cause })
}

const advices = [
  [/^SQLITE_(CORRUPT|NOTADB)/, "the database is damaged: restore a backup of it"],
  [/^SQLITE_READONLY/, "let the user of this process write to the database, on a file system that can be written"]
] as const

/** Another process holds the database; the driver has waited as long as it may, and blocked this process. */
export const isLocked = (error: UploadStoreError): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))

/**
 * Whether every other write would fail now, too: the database cannot be reached, takes no more connections, or is held
 * by another process, for which the driver has waited as long as it may.
 */
export const isOutage = (error: UploadStoreError): boolean => error.reason === "Unavailable" || isLocked(error)

/**
 * Whether the write may stand although it failed: the connection was lost before the database had answered.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export const isUnsure = (error: Failed): boolean => unsure.test(codeOf(error)) || lost.test(messageOf(error))

/** Whether the database gave up the transaction in favour of another one, so that it can be tried again at once. */
export const isConflict = ({ cause }: SqlError): boolean => /^40(001|P01)$/.test(codeOf({ cause }))

/**
 * A write failed, and SQLite does not say why: a quota looks like a broken disk.
 */
export const isUnexplained = (error: UploadStoreError): boolean => codeOf(error).startsWith("SQLITE_IOERR")

interface Failed {
  readonly cause?: unknown
}

const isUnreached = (error: Failed): boolean =>
  outage.test(codeOf(error)) || unreached.test(messageOf(error)) || isUnsure(error)

/** PostgreSQL's connections, and a server of it that begins, ends, or only reads; sockets. */
const outage = /^(08...|57P0[1-5]|53300|25006|E(CONN|HOST|NET|ADDR|AI)|ETIMEDOUT|ENOTFOUND|EPIPE)/

/** The words of `pg` where it has no code. */
const unreached = /^(timeout exceeded when trying to connect|Connection terminated due to connection timeout)/

const unsure = /^(08006|08007|40003|57P0[12]|ECONNRESET|EPIPE|ETIMEDOUT)$/

const lost = /^(Connection terminated unexpectedly|Client has encountered a connection error)/

const messageOf = ({ cause }: Failed): string => cause instanceof Error ? cause.message : ""

const full: ReadonlySet<string> = new Set(["SQLITE_FULL", "53100"])

/**
 * `node:sqlite` has a number where the other drivers have a name. Its low byte is the primary result code.
 */
const codeOf = ({ cause }: Failed): string =>
  Predicate.hasProperty(cause, "errcode")
    ? names.get(Number(cause.errcode) & 0xff) ?? ""
    : Predicate.hasProperty(cause, "code")
    ? String(cause.code)
    : ""

/** @see https://www.sqlite.org/rescode.html */
const names: ReadonlyMap<number, string> = new Map([
  [5, "SQLITE_BUSY"],
  [6, "SQLITE_LOCKED"],
  [8, "SQLITE_READONLY"],
  [10, "SQLITE_IOERR"],
  [11, "SQLITE_CORRUPT"],
  [13, "SQLITE_FULL"],
  [26, "SQLITE_NOTADB"]
])
