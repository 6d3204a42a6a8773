/**
 * A pgbouncer of Debian's package in front of a PostgreSQL, in transaction mode. It ends with its scope, and with the
 * process.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Client } from "pg"
import { freePort } from "./ports.js"
import { unprivileged, unprivilegedDirectory } from "./postgres.js"
import { pgbouncer } from "./tools.js"

/** Runs it until the input ends. The shell has it ignore the signals of a terminal. */
const script = `"$@" & read -r; kill -TERM $!; wait $!`

/** The port of a pgbouncer in front of this port. Its pool for each database is small: transactions wait in line. */
export const make = (target: number) =>
  Effect.gen(function*() {
    const home = yield* unprivilegedDirectory
    const port = yield* freePort
    const [settings, users] = [join(home, "pgbouncer.ini"), join(home, "users")]
    writeFileSync(users, `"tus" ""\n`)
    writeFileSync(
      settings,
      `[databases]
* = host=127.0.0.1 port=${target}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 1000
`
    )
    const [command, args] = unprivileged(pgbouncer, ["-q", settings])
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn("bash", ["-c", script, "pgbouncer", command, ...args], { stdio: ["pipe", "ignore", "ignore"] })
      ),
      (running) =>
        Effect.promise(async () => {
          if (running.exitCode === null) {
            const ended = once(running, "exit")
            running.stdin?.end()
            await ended
          }
        })
    )
    yield* Effect.promise(async () => {
      const client = new Client({ connectionString: `postgresql://tus@127.0.0.1:${port}/postgres` })
      await client.connect()
      await client.end()
    }).pipe(
      Effect.sandbox,
      Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 200 }),
      Effect.orDie
    )
    return port
  })
