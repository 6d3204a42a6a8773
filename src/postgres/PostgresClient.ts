/**
 * The client of a PostgreSQL that other processes use, too, across a network that may lose packets without a word.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { clearTimeout, setTimeout } from "node:timers"
import { Pool, type PoolClient } from "pg"
import * as OptionError from "../server/policy/OptionError.js"
import { UploadStoreError } from "../store/UploadStoreError.js"

/** Where the database is, and how long to wait for it. */
export interface Options {
  /** `postgres://user:password@host:port/database`, with the parameters of `pg`, such as `sslmode`. Never logged. */
  readonly url: Redacted.Redacted
  /** The most connections of this process. 10 by default. */
  readonly maxConnections?: number | undefined
  /**
   * How long a statement may take. 8 seconds by default. Then its connection is closed, and so are those that are idle:
   * a network that loses packets tells nothing of it.
   */
  readonly timeout?: Duration.DurationInput | undefined
}

const checkOptions = OptionError.check(Schema.Struct({
  maxConnections: Schema.optional(OptionError.whole(1, 10_000)),
  timeout: Schema.optional(OptionError.timeout)
}))

/** The connection of a client. `pg` documents it, and its types leave it out. */
const streamOf = (client: PoolClient): { readonly destroy: (error: Error) => void } =>
  (client as unknown as { readonly connection: { readonly stream: { destroy: (error: Error) => void } } }).connection
    .stream

/** Closes connections on which a statement has not been answered for `limit` milliseconds. */
const impatient = (pool: Pool, limit: number): Pool => {
  const idle = new Set<PoolClient>()
  const close = (client: PoolClient) => streamOf(client).destroy(new Error(unanswered(limit)))

  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (...args: ReadonlyArray<unknown>) => unknown
    const timed = (...args: ReadonlyArray<unknown>) => {
      const callback = args.at(-1)
      if (typeof callback !== "function") {
        return query(...args)
      }
      const timer = setTimeout(() => [client, ...idle].forEach(close), limit)
      return query(...args.slice(0, -1), (...answer: ReadonlyArray<unknown>) => {
        clearTimeout(timer)
        callback(...answer)
      })
    }
    client.query = timed as typeof client.query
  })
  pool.on("acquire", (client) => idle.delete(client))
  pool.on("release", (_, client) => idle.add(client))
  pool.on("remove", (client) => idle.delete(client))
  // An idle connection has ended; the pool has removed it.
  pool.on("error", () => {})
  return pool
}

const unanswered = (limit: number) => `Connection terminated unexpectedly: no answer for ${limit / 1000} seconds`

/** The place of the database, without its credentials. */
const placeOf = (url: string): string => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  return parsed === undefined ? "PostgreSQL" : `PostgreSQL at ${parsed.host}${parsed.pathname}`
}

/**
 * Connects once, so that wrong credentials and a missing database are known when the layer is built: it then fails with
 * an `UploadStoreError`.
 */
export const layer = (
  options: Options
): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient, OptionError.OptionError | UploadStoreError> =>
  Layer.unwrapEffect(Effect.map(checkOptions(options), ({ maxConnections = 10, timeout = "8 seconds", url }) => {
    const acquire = Effect.acquireRelease(
      Effect.sync(() =>
        impatient(
          new Pool({
            connectionString: Redacted.value(url),
            application_name: "effect-tus",
            max: maxConnections,
            connectionTimeoutMillis: 5000,
            keepAlive: true
          }),
          Duration.toMillis(timeout)
        )
      ),
      (pool) => Effect.ignore(Effect.timeout(Effect.promise(() => pool.end()), "1 second"))
    )
    const connected = Effect.tap(acquire, (pool) =>
      Effect.tryPromise({
        try: () => pool.query("SELECT 1"),
        catch: (cause) => new SqlError({ cause, message: "no connection" })
      }))
    return Layer.mapError(
      PgClient.layerFromPool({ acquire: connected }),
      ({ cause }) =>
        new UploadStoreError({ reason: "Read", operation: `connect to ${placeOf(Redacted.value(url))}`, cause })
    )
  }))
