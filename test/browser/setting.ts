/**
 * Shared by the tests of browsers: a server whose directory the test can read, a network in front of it, and a page of
 * another origin.
 */
import { assert } from "@effect/vitest"
import { NodeTusServer } from "effect-tus/node"
import { type TusPolicy, UploadHooks } from "effect-tus/server"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Page, Worker } from "playwright-core"
import { type Example, example } from "../example.js"
import { relay } from "../interop/relay.js"
import { offsetOf, sha256 } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { sha256OfStored } from "../support/stored.js"
import { bytesOf } from "./made.js"
import type { Asked, Told } from "./page.js"

export const MiB = 1024 * 1024

/** A file that is larger than one request of the client. */
export const size = 12 * MiB

export interface Server {
  readonly url: string
  readonly directory: string
}

/** A server in this process, which starts at once. */
export const server = (
  options: TusPolicy.Options = {},
  hooks: UploadHooks.Hooks = {}
): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function*() {
    const path = yield* directory
    const context = yield* Layer.build(
      NodeTusServer.layer({ port: 0, directory: path, expiresAfter: "1 day", shutdownTimeout: 0, ...options }).pipe(
        Layer.provide(Layer.succeed(UploadHooks.UploadHooks, hooks))
      )
    )
    return { url: Context.get(context, NodeTusServer.NodeTusServer).url, directory: path }
  }).pipe(Effect.orDie)

export interface Mortal extends Server, Pick<Example, "kill"> {}

/** A server in its own process, which can be killed. */
export const mortal = Effect.gen(function*() {
  const path = yield* directory
  return { ...(yield* example("node-server", { UPLOAD_DIR: path })), directory: path }
})

/** The stored bytes of an upload are the generated file. */
export const check = (server: Server, url: string, size: number, changedAt?: number) =>
  Effect.promise(async () =>
    assert.strictEqual(
      await Effect.runPromise(sha256OfStored(server.directory, url)),
      await sha256([bytesOf(size, changedAt)])
    )
  )

/** The generated file, on disk. */
export const file = (size: number, name = "made-up.bin") =>
  Effect.flatMap(directory, (path) =>
    Effect.promise(async () => {
      await writeFile(join(path, name), bytesOf(size))
      return join(path, name)
    }))

/** A network that stops once, after most of an upload. */
export const holding = (server: Server) =>
  relay(server.url, [], { up: 10 * MiB, happens: "hold", times: 1, together: true })

type Network = Effect.Effect.Success<ReturnType<typeof holding>>

/** It has stopped, and all bytes that went through are committed. */
export const held = (server: Server, network: Network) =>
  Effect.promise(async () => network.held() > 0 && (await committed(server)) >= 8 * MiB).pipe(
    Effect.repeat({ until: (held) => held, schedule: Schedule.spaced("20 millis") })
  )

/** The size of its largest upload, in bytes. */
const committed = async ({ directory, url }: Server) => {
  const names = await readdir(directory, { recursive: true })
  const ids = names.map((name) => name.split("/").at(-1) ?? "").filter((name) => /^[0-9a-f]{32}$/.test(name))
  return Math.max(0, ...(await Promise.all(ids.map((id) => offsetOf(`${url}/${id}`)))))
}

/** Kills the server once the network has stopped, runs the effect, and starts the server again. */
export const killed = <R = never>(
  server: Mortal,
  network: Network,
  between: Effect.Effect<void, never, R> = Effect.void
) =>
  Effect.gen(function*() {
    yield* held(server, network)
    yield* Effect.promise(() => server.kill("SIGKILL"))
    yield* between
    yield* example("node-server", { UPLOAD_DIR: server.directory, PORT: new URL(server.url).port })
  })

/**
 * Only the rest was sent again, perhaps twice: the server commits the bytes of a hanging request when the next one
 * takes over. The whole file would have been 22 MiB.
 */
export const isRest = (network: Network) => assert.isBelow(network.up(), size + 5 * MiB)

/** What a test asks of a page or worker that runs `page.ts`. */
export type Realm = Pick<Page, "evaluate"> | Pick<Worker, "evaluate">

declare const upload: (asked: Asked) => Promise<ReadonlyArray<Told>>

export const start = (realm: Realm, asked: Asked) =>
  Effect.promise(() => (realm as Page).evaluate((asked) => upload(asked), asked))

/** The reports end with a complete upload, which is stored. */
export const isWhole = (server: Server, told: ReadonlyArray<Told>, size: number, changedAt?: number) => {
  const last = told.at(-1)
  assert.strictEqual(last?.event, "Complete")
  assert.strictEqual(last?.acknowledged, size)
  return check(server, last?.url ?? "", size, changedAt)
}
