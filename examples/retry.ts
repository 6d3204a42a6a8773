/**
 * Three ways to retry, each a Schedule with the error as its input, and an upload that combines them. Each Schedule
 * starts again when the server has acknowledged bytes.
 *
 *     npx tsx examples/retry.ts film.mp4 http://127.0.0.1:1080/files
 */
import { NodeFileSystem, NodePath, NodeRuntime } from "@effect/platform-node"
import { Console, Duration, Effect, Layer, Schedule } from "effect"
import { type TusError, TusUpload, UploadJournal, UploadOptions } from "effect-tus/client"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as net from "node:net"
import { fileURLToPath } from "node:url"

type Retry<R = never> = Schedule.Schedule<unknown, TusError.TusError, R>

/** By elapsed time: slower and slower, until `duration` has passed without progress. */
export const forAsLong = (duration: Duration.DurationInput): Retry =>
  Schedule.exponential("200 millis").pipe(
    Schedule.modifyDelay((_, delay) => Duration.min(delay, "10 seconds")),
    Schedule.jitteredWith({ min: 0.7, max: 1 }),
    Schedule.intersect(UploadOptions.recurUpTo(duration))
  )

/**
 * By status: a lock (423) is free in a moment, a deployment (502, 503) takes longer, a full disk (507) is not retried.
 */
export const byStatus = <R>(retry: Retry<R>): Retry<R> =>
  Schedule.identity<TusError.TusError>().pipe(
    Schedule.intersect(retry),
    Schedule.modifyDelay(([error], delay) =>
      hasStatus(error, 423) ? Duration.millis(250) : hasStatus(error, 502, 503) ? Duration.seconds(5) : delay
    ),
    Schedule.whileInput((error) => !hasStatus(error, 507))
  )

const hasStatus = (error: TusError.TusError, ...statuses: ReadonlyArray<number>) =>
  error._tag === "Refused" && statuses.includes(error.status)

/** Offline-aware: if no server can be reached, the next attempt waits for `online`. */
export const whenOnline = <R, R2>(online: Effect.Effect<void, never, R2>, retry: Retry<R>): Retry<R | R2> =>
  Schedule.tapInput(
    retry,
    (error: TusError.TusError) => error._tag === "Unanswered" && error.reason === "Unreachable" ? online : Effect.void
  )

/** Waits until the server accepts a connection. In a browser this would wait for the window's event `online`. */
export const reachable = (endpoint: string): Effect.Effect<void> => {
  const { hostname, port, protocol } = new URL(endpoint)
  const knock = Effect.async<void, Error>((resume) => {
    const socket = net.connect(Number(port || (protocol === "https:" ? 443 : 80)), hostname)
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.void)
    })
    socket.once("error", (error) => resume(Effect.fail(error)))
    return Effect.sync(() => socket.destroy())
  })
  return knock.pipe(
    Effect.timeout("2 seconds"),
    Effect.tapError(() => Console.log("offline, waiting")),
    Effect.retry(Schedule.spaced("1 second")),
    Effect.orDie
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [path = "README.md", endpoint = "http://127.0.0.1:1080/files"] = process.argv.slice(2)
  FileSource.make(path).pipe(
    Effect.flatMap((source) =>
      TusUpload.run({
        endpoint,
        source,
        retry: whenOnline(reachable(endpoint), byStatus(forAsLong("5 minutes")))
      })
    ),
    Effect.tap(({ url }) => Console.log(`stored at ${url}`)),
    Effect.provide(Layer.merge(NodeTusClient.layer(), UploadJournal.layerFileSystem(".uploads"))),
    Effect.provide([NodeFileSystem.layer, NodePath.layer]),
    NodeRuntime.runMain
  )
}
