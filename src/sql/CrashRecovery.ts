/**
 * Recovery after a reboot since the database was last open: a power cut may have lost bytes below an offset that
 * survived it, and an append would follow a gap.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { BootId } from "../store/BootId.js"

/**
 * Sets unfinished uploads back to their synced bytes, and then stores the boot id. In this order an interrupted
 * recovery is repeated, and a repetition does no harm.
 */
export const rollBack = Effect.fnUntraced(function*(sql: SqlClient.SqlClient) {
  const boot = yield* BootId
  const [last] = yield* sql<{ readonly boot: string }>`SELECT boot FROM effect_tus_boot`
  if (Option.isSome(boot) && boot.value !== last?.boot) {
    // Their bytes before the tail are not all synced, so the tail goes, too.
    yield* sql`DELETE FROM effect_tus_tails WHERE id IN (SELECT id FROM effect_tus_uploads
      WHERE completion = 'Open' AND upload_offset > 0 AND upload_offset > synced_offset AND tail_bytes > 0)`
    yield* sql`UPDATE effect_tus_uploads SET upload_offset = synced_offset, tail_bytes = 0, version = version + 1
      WHERE completion = 'Open' AND upload_offset > 0 AND upload_offset > synced_offset`
    yield* sql`UPDATE effect_tus_boot SET boot = ${boot.value}`
  }
})
