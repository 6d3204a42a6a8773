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
    reason: full.has(codeOf(error)) ? "NoSpace" : reason,
    operation,
    cause: error.cause ?? error
  })

/** Another process holds the database; the driver has waited as long as it may, and blocked this process. */
export const isLocked = (error: UploadStoreError): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))

/**
 * A write failed, and SQLite does not say why: a quota looks like a broken disk.
 */
export const isUnexplained = (error: UploadStoreError): boolean => codeOf(error).startsWith("SQLITE_IOERR")

const full: ReadonlySet<string> = new Set(["SQLITE_FULL", "53100"])

/**
 * `node:sqlite` has a number where the other drivers have a name. Its low byte is the primary result code.
 */
const codeOf = ({ cause }: { readonly cause?: unknown }): string =>
  Predicate.hasProperty(cause, "errcode")
    ? names.get(Number(cause.errcode) & 0xff) ?? ""
    : Predicate.hasProperty(cause, "code")
    ? String(cause.code)
    : ""

/** @see https://www.sqlite.org/rescode.html */
const names: ReadonlyMap<number, string> = new Map([
  [5, "SQLITE_BUSY"],
  [6, "SQLITE_LOCKED"],
  [10, "SQLITE_IOERR"],
  [13, "SQLITE_FULL"]
])
