/**
 * What a failing database means to a store.
 */
import type { MigrationError } from "@effect/sql/Migrator"
import type { SqlError } from "@effect/sql/SqlError"
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

/** Somebody else holds the database; the driver has waited as long as it may, and kept the process waiting too. */
export const isLocked = (error: UploadStoreError): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error))

const full: ReadonlySet<string> = new Set(["SQLITE_FULL", "53100"])

const codeOf = ({ cause }: { readonly cause?: unknown }): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""
