/**
 * A PostgreSQL of Debian's package, in a temporary directory. It ends with its scope, and with the process.
 */
import { PgClient } from "@effect/sql-pg"
import type * as SqlClient from "@effect/sql/SqlClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, chownSync } from "node:fs"
import { join } from "node:path"
import { Client } from "pg"
import { directory } from "./directory.js"
import { freePort } from "./ports.js"
import { postgresPrograms } from "./tools.js"

export interface Options {
  /** Whether commits survive a crash of PostgreSQL. Not by default: a database of a test is thrown away. */
  readonly durable?: boolean
  /** More settings: `name=value`. */
  readonly settings?: ReadonlyArray<string>
}

export interface Postgres {
  readonly port: number
  readonly urlOf: (database: string) => string
  /** Creates an empty database, and returns its URL. */
  readonly database: Effect.Effect<string>
  /** Runs a statement as the administrator, in the database of this name. */
  readonly run: (statement: string, database?: string) => Effect.Effect<ReadonlyArray<object>>
  readonly start: Effect.Effect<void>
  /** `"immediate"` is a crash: nothing is written any more. */
  readonly stop: (mode: "fast" | "immediate") => Effect.Effect<void>
}

/** PostgreSQL refuses to run as root, and so does pgbouncer. */
export const unprivileged = (command: string, args: ReadonlyArray<string>): readonly [string, ReadonlyArray<string>] =>
  process.getuid?.() === 0
    ? ["setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--", command, ...args]]
    : [command, args]

const program = (name: string) => join(postgresPrograms() ?? "", name)

/** A directory for a program that refuses to run as root. */
export const unprivilegedDirectory = Effect.tap(directory, (home) =>
  Effect.sync(() => {
    if (process.getuid?.() === 0) {
      chmodSync(home, 0o755)
      chownSync(home, 65534, 65534)
    }
  }))

/**
 * Runs the server until its input ends, which it also does when this process is killed. A line of input stops it.
 */
const script = `"$@" & read -r signal; kill -"\${signal:-QUIT}" $!; wait $!`

/** Makes and starts a PostgreSQL. Several may run side by side. */
export const make = ({ durable = false, settings = [] }: Options = {}): Effect.Effect<Postgres, never, Scope.Scope> =>
  Effect.gen(function*() {
    const home = yield* unprivilegedDirectory
    const data = join(home, "data")
    const initdb = unprivileged(program("initdb"), `-D ${data} -U tus -A trust -E UTF8 --locale=C --no-sync`.split(" "))
    const made = spawnSync(initdb[0], initdb[1])
    if (made.status !== 0) {
      throw new Error(`initdb: ${made.stderr.toString()}`)
    }
    const port = yield* freePort
    const all = [
      "listen_addresses=127.0.0.1",
      `port=${port}`,
      `unix_socket_directories=${home}`,
      "max_connections=200",
      `fsync=${durable ? "on" : "off"}`,
      ...settings
    ]
    const urlOf = (database: string) => `postgresql://tus@127.0.0.1:${port}/${database}`
    const run: Postgres["run"] = (statement, database = "postgres") =>
      Effect.promise(async () => {
        const client = new Client({ connectionString: urlOf(database) })
        await client.connect()
        try {
          return (await client.query(statement)).rows as ReadonlyArray<object>
        } finally {
          await client.end()
        }
      })

    let running: ReturnType<typeof spawn> | undefined
    const start = Effect.suspend(() => {
      const [command, args] = unprivileged(program("postgres"), ["-D", data, ...all.flatMap((set) => ["-c", set])])
      running = spawn("bash", ["-c", script, "postgres", command, ...args], {
        stdio: ["pipe", "ignore", "ignore"]
      })
      return run("SELECT 1").pipe(
        Effect.sandbox,
        Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 400 }),
        Effect.orDie,
        Effect.asVoid
      )
    })
    const stop: Postgres["stop"] = (mode) =>
      Effect.promise(async () => {
        const server = running
        running = undefined
        if (server !== undefined && server.exitCode === null) {
          const ended = once(server, "exit")
          server.stdin?.end(mode === "fast" ? "INT\n" : "QUIT\n")
          await ended
        }
      })
    yield* Effect.addFinalizer(() => stop("immediate"))
    yield* start

    let databases = 0
    return {
      port,
      urlOf,
      run,
      start,
      stop,
      database: Effect.suspend(() => {
        const name = `tus${++databases}`
        return Effect.as(run(`CREATE DATABASE ${name} TEMPLATE template0`), urlOf(name))
      })
    }
  })

/** The client of a database. */
export const client = (url: string): Layer.Layer<PgClient.PgClient | SqlClient.SqlClient> =>
  Layer.orDie(PgClient.layer({ url: Redacted.make(url), maxConnections: 4, connectTimeout: Duration.seconds(5) }))

/** Runs statements on a connection of its own, one after the other: in a transaction that others have to wait for. */
export const connection = (url: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const client = new Client({ connectionString: url })
        await client.connect()
        return client
      }),
      (client) => Effect.promise(() => client.end())
    ),
    (client) => (statement: string) =>
      Effect.map(Effect.promise(() => client.query(statement)), ({ rows }) => rows as ReadonlyArray<object>)
  )

let shared: Promise<Postgres> | undefined

/** One PostgreSQL for all tests of this process: it begins with the first of them, and ends with the process. */
export const postgres: Effect.Effect<Postgres> = Effect.promise(() =>
  shared ??= Effect.runPromise(Effect.flatMap(Scope.make(), (scope) => Scope.extend(make(), scope)))
)

/** The client of a new database. */
export const layerTemporary: Layer.Layer<PgClient.PgClient | SqlClient.SqlClient> = Layer.unwrapEffect(
  Effect.map(Effect.flatMap(postgres, ({ database }) => database), client)
)
