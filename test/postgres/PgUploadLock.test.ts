import { PgUploadLock } from "effect-tus/postgres"
import { SqlUploadRegistry } from "effect-tus/sql"
import { DistributedLockSuite, UploadLockSuite } from "effect-tus/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { needs } from "../support/needs.js"
import { client, layerTemporary, postgres } from "../support/postgres.js"

/** The tables of the states must be there; the suite has a registry of its own. */
const layer = PgUploadLock.layer().pipe(
  Layer.provide(Layer.scopedDiscard(SqlUploadRegistry.make)),
  Layer.provide(layerTemporary)
)

/** Two servers over one database, which a test can make lapse. */
const shared = Effect.gen(function*() {
  const { database, run } = yield* postgres
  const url = yield* database
  return {
    // No server says in between that it lives.
    server: PgUploadLock.layer({ lease: "1 hour" }).pipe(
      Layer.provide(SqlUploadRegistry.layer),
      Layer.provide(client(url))
    ),
    lapse: Effect.asVoid(
      run("UPDATE effect_tus_servers SET alive_until = clock_timestamp() - INTERVAL '1 second'", nameOf(url))
    )
  }
})

const nameOf = (url: string) => new URL(url).pathname.slice(1)

needs("PostgreSQL")("PgUploadLock", () => {
  DistributedLockSuite.suite("of two servers", shared)
  UploadLockSuite.suite("on PostgreSQL", layer, { settle: Effect.sleep("30 millis") })
})
