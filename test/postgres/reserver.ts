/**
 * A process that reserves space in a database, says so, and waits to be killed.
 */
import { Upload, UsageLedger } from "effect-tus"
import { PgUsageLedger, PostgresClient } from "effect-tus/postgres"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

const { owner, size, url } = JSON.parse(process.argv[2] ?? "") as {
  readonly url: string
  readonly owner: string
  readonly size: number
}

const ledger = PgUsageLedger.layer({ lasts: "8 seconds" }).pipe(
  Layer.provide(SqlUploadRegistry.layer),
  Layer.provide(PostgresClient.layer({ url: Redacted.make(url) }))
)

const main = Effect.gen(function*() {
  const { reserve } = yield* UsageLedger.UsageLedger
  const upload = { id: Upload.UploadId.make("of-a-killed-process---"), owner: Option.some(owner) }
  yield* reserve(upload, undefined, { decide: () => Either.right(size), most: { bytes: size, open: 1 } })
  process.stdout.write(`${JSON.stringify({ reserved: size })}\n`)
  return yield* Effect.never
})

Effect.runFork(Effect.provide(main, ledger))
