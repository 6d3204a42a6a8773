/**
 * What is to be done when the machine has been started anew since the database was last open: a power cut may have
 * taken bytes behind an offset that has survived it, and what is appended there would follow a gap.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { BootId } from "../store/BootId.js"

/**
 * Sets unfinished uploads back to what is known to have survived, and remembers the boot. In this order: where it is
 * cut short it is done again, and there is nothing left to do twice.
 */
export const rollBack = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const boot = yield* BootId
  const [last] = yield* sql<{ readonly boot: string }>`SELECT boot FROM effect_tus_boot`
  if (Option.isSome(boot) && boot.value !== last?.boot) {
    yield* sql`UPDATE effect_tus_uploads SET upload_offset = synced_offset, version = version + 1
      WHERE completion = 'Open' AND upload_offset > 0 AND upload_offset > synced_offset`
    yield* sql`UPDATE effect_tus_boot SET boot = ${boot.value}`
  }
})
