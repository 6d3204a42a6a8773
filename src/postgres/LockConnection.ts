/**
 * The connection on which a server tells that it lives, and hears who wants what it holds. It is one of its own: a pool
 * whose connections are all in use must not cost the lease.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { ClientConfig } from "pg"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import * as Monotonic from "../time/Monotonic.js"
import * as LockTables from "./LockTables.js"
import * as PgSession from "./PgSession.js"

export interface Options {
  readonly connection: ClientConfig
  /** The id of this server. */
  readonly server: string
  /** Whether to hear notifications. Otherwise only the questions in between tell who waits. */
  readonly listens: boolean
  /** How often to ask who waits, in milliseconds. */
  readonly pollMillis: number
  /** How long the server counts as alive after it was heard, in milliseconds. It is heard three times as often. */
  readonly leaseMillis: number
}

export interface Listeners {
  /** Somebody wants an upload that this server holds. */
  readonly onWanted: (id: string) => void
  /** An upload may have become free: this one, or any. */
  readonly onFreed: (id: string | undefined) => void
  /** The lease has ended: there was no word from the database for so long, or the database says so. */
  readonly onLost: () => void
  /** Runs after each connection but the first: the database may be another one, which lacks the last transactions. */
  readonly onReconnected: Effect.Effect<void, UploadStoreError>
}

/** What is said and asked over one connection. */
const conversation = (
  { connection, leaseMillis, listens, pollMillis, server }: Options,
  { onFreed, onLost, onWanted }: Listeners
) => {
  let heardAt = Infinity

  /** A server that was silent for too long may have lost its locks, whether or not it is heard again. */
  const look = Effect.map(Monotonic.millis, (now) => {
    if (now - heardAt >= leaseMillis) {
      onLost()
    }
    return now
  })

  /** The clock of a machine stands while the machine does, and that of the database goes on. */
  const beat = ({ ask }: PgSession.PgSession) =>
    Effect.flatMap(look, (now) =>
      Effect.map(
        ask<{ readonly has_ended: boolean }>(LockTables.beat, [server, leaseMillis / 1000]),
        (rows) => {
          heardAt = now
          if (rows.some(({ has_ended }) => has_ended)) {
            onLost()
          }
        }
      ))

  /** Whoever waits asks again then, too: a notification may have been lost. */
  const poll = ({ ask }: PgSession.PgSession) =>
    Effect.map(ask<{ readonly upload_id: string }>(LockTables.wanted, [server]), (rows) => {
      rows.forEach(({ upload_id }) => onWanted(upload_id))
      onFreed(undefined)
    })

  return {
    look,

    /** A connection that listens, has told that the server lives, and has heard what was missed. */
    begin: Effect.gen(function*() {
      const session = yield* PgSession.make(
        connection,
        patienceOf(leaseMillis),
        (channel, id) => channel === LockTables.freed ? onFreed(id) : onWanted(id)
      )
      if (listens) {
        yield* session.ask(`LISTEN ${LockTables.freed}`)
        yield* session.ask(`LISTEN "${LockTables.wantedOf(server)}"`)
      }
      yield* beat(session)
      yield* poll(session)
      return session
    }),

    /** Fails when the connection has been lost. */
    goOn: (session: PgSession.PgSession): Effect.Effect<never, UploadStoreError> =>
      Effect.raceFirst(
        session.lost,
        Effect.forever(Effect.gen(function*() {
          yield* Effect.sleep(pollMillis)
          if ((yield* Monotonic.millis) - heardAt >= leaseMillis / 3) {
            yield* beat(session)
          }
          yield* poll(session)
        }))
      )
  }
}

/**
 * Connects, and keeps the lease from then on until the scope closes. Fails if the first connection fails; later ones
 * are tried for ever.
 */
export const make = (
  options: Options,
  listeners: Listeners
): Effect.Effect<void, UploadStoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const { begin, goOn, look } = conversation(options, listeners)
    const { onReconnected } = listeners
    const warn = Effect.catchAll(({ message }: UploadStoreError) => Effect.logWarning(message))

    const again = Effect.forever(
      Effect.zipRight(
        warn(Effect.scoped(Effect.flatMap(begin, (session) =>
          // The lease must not wait for it.
          Effect.raceFirst(goOn(session), Effect.zipRight(onReconnected, Effect.never))))),
        Effect.sleep("500 millis")
      )
    )
    const watch = Effect.forever(Effect.zipRight(Effect.sleep(options.pollMillis), look))

    yield* Effect.addFinalizer(() => leave(options))
    const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const first = yield* Scope.extend(begin, scope)
    yield* Effect.forkScoped(watch)
    yield* Effect.forkScoped(
      Effect.zipRight(Effect.ensuring(warn(goOn(first)), Scope.close(scope, Exit.void)), again)
    )
  })

/** A connection that answers no more is made again before the lease ends. */
const patienceOf = (leaseMillis: number) => Duration.millis(Math.min(5000, leaseMillis / 3))

/** The locks of a server that has told its end need not be waited for. */
const leave = ({ connection, leaseMillis, server }: Options) =>
  PgSession.make(connection, patienceOf(leaseMillis), () => {}).pipe(
    Effect.flatMap(({ ask }) => ask(LockTables.leave, [server])),
    Effect.scoped,
    Effect.timeout("2 seconds"),
    Effect.ignore
  )
