/**
 * One connection to PostgreSQL that is no part of a pool, and knows when it has been lost.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Socket } from "node:net"
import { Client, type ClientConfig } from "pg"
import { UploadStoreError } from "../store/UploadStoreError.js"

export interface PgSession {
  /** The rows of a statement. If one is not answered in time, the connection is lost. */
  readonly ask: <Row extends object>(
    text: string,
    parameters?: ReadonlyArray<unknown>
  ) => Effect.Effect<ReadonlyArray<Row>, UploadStoreError>
  /** Fails when the connection has been lost. */
  readonly lost: Effect.Effect<never, UploadStoreError>
}

const failed = (cause: unknown) =>
  new UploadStoreError({ reason: "Unavailable", operation: "keep a connection to PostgreSQL", cause })

/** `pg` documents it, and its types leave it out. */
const streamOf = (client: Client) =>
  (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream

/** A connection that has been lost tells the server nothing. */
const close = (client: Client, isLost: boolean) =>
  (isLost ? Effect.void : Effect.ignore(Effect.timeout(Effect.tryPromise(() => client.end()), "1 second"))).pipe(
    Effect.zipRight(Effect.sync(() => streamOf(client).destroy()))
  )

/**
 * Connects, and waits for each answer as long as `patience`. `onNotification` hears the channels that are listened to.
 */
export const make = (
  config: ClientConfig,
  patience: Duration.Duration,
  onNotification: (channel: string, payload: string) => void
): Effect.Effect<PgSession, UploadStoreError, Scope.Scope> =>
  Effect.gen(function*() {
    const lost = yield* Deferred.make<never, UploadStoreError>()
    const end = (cause: unknown) => void Deferred.unsafeDone(lost, Effect.fail(failed(cause)))
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const client = new Client({
          ...config,
          application_name: "effect-tus",
          connectionTimeoutMillis: Duration.toMillis(patience),
          keepAlive: true
        })
        client.on("error", end)
        client.on("end", () => end(new Error("the connection has ended")))
        client.on("notification", ({ channel, payload = "" }) => onNotification(channel, payload))
        return client
      }),
      (client) => Effect.flatMap(Deferred.isDone(lost), (isLost) => close(client, isLost))
    )
    yield* Effect.tryPromise({ try: () => client.connect(), catch: failed })
    return {
      lost: Deferred.await(lost),
      ask: <Row extends object>(text: string, parameters: ReadonlyArray<unknown> = []) =>
        Effect.tryPromise({ try: () => client.query<Row>(text, [...parameters]), catch: failed }).pipe(
          Effect.timeoutFail({
            duration: patience,
            onTimeout: () => {
              const cause = new Error(`no answer for ${Duration.toSeconds(patience)} seconds`)
              end(cause)
              return failed(cause)
            }
          }),
          Effect.map(({ rows }) => rows)
        )
    }
  })
