/**
 * Whether a write stands of which nobody has heard: the connection was lost before the database had answered.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import * as SqlFailure from "./SqlFailure.js"
import type { Write } from "./WriteBatch.js"

/** What is stored of an upload now, of which PostgreSQL returns whole numbers as text. */
interface Stored {
  readonly version: number | string
  readonly fence: number | string
}

/**
 * Only the holder of a fence writes under it, one version after the other: a row with the fence and version of the
 * write is the row that it has written. A removal has taken effect if there is no row, whoever removed it.
 */
export const stands = ({ _tag, row }: Pick<Write, "_tag" | "row">, stored: Stored | undefined): boolean =>
  _tag === "Create" || _tag === "Commit"
    ? Number(stored?.version) === row.version && Number(stored?.fence) === row.fence
    : stored === undefined

/** A database that is restarted is back within half a second; a longer outage is one for the client to wait out. */
const patience = Schedule.intersect(Schedule.spaced("250 millis"), Schedule.recurs(20))

/**
 * Asks the database whether a failed write stands. Fails with the error of the write if it does not, or if the database
 * cannot be asked: the client is told that the upload failed, and asks for its offset.
 *
 * A change that has not taken effect may still be on its way, while its bytes are cut off: it is made void by a new
 * version, two above the old one, which no write has. A creation cannot be made void; nobody knows the id of such an
 * upload, and it expires.
 */
export const learn = (sql: SqlClient.SqlClient) => {
  const withdraw = ({ _tag, row: { fence, id, version } }: Write) =>
    Effect.when(
      sql`UPDATE effect_tus_uploads SET version = version + 2
        WHERE id = ${id} AND version = ${_tag === "Commit" ? version - 1 : version} AND fence <= ${fence}`,
      () => _tag !== "Create"
    )

  const read = (id: string) => sql<Stored>`SELECT version, fence FROM effect_tus_uploads WHERE id = ${id}`

  return (write: Write, error: UploadStoreError): Effect.Effect<true, UploadStoreError> =>
    Effect.zipRight(withdraw(write), read(write.row.id)).pipe(
      Effect.mapError(SqlFailure.toStoreError("Read", `read the state of ${write.row.id}`)),
      Effect.retry({ schedule: patience, while: SqlFailure.isOutage }),
      Effect.mapError(() => error),
      Effect.filterOrFail(([stored]) => stands(write, stored), () => error),
      Effect.as(true)
    )
}
