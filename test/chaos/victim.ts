/**
 * A server process, its use of resources, and what must hold after every attack.
 */
import { assert } from "@effect/vitest"
import type { NodeTusServer } from "effect-tus/node"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { startExample } from "../example.js"
import { fileOf } from "../interop/server.js"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import * as Raw from "../support/raw.js"
import { targets } from "./descriptors.js"

export type Victim = Effect.Effect.Success<ReturnType<typeof victim>>

export const victim = Effect.fnUntraced(function*(options: Partial<NodeTusServer.Options> = {}) {
  const path = yield* directory
  const told: NodeTusServer.Options = { port: 0, directory: path, durability: "process", ...options }
  const example = yield* Effect.acquireRelease(
    Effect.promise(() => startExample("../test/chaos/serving", { SERVING: JSON.stringify(told) })),
    ({ kill }) => Effect.promise(() => kill("SIGKILL"))
  )
  const { output, process: child, url } = example
  const port = Number(new URL(url).port)
  const ask = Raw.ask(port)
  const proc = (name: string) => `/proc/${child.pid}/${name}`
  /** The descriptors of unfinished uploads, of which some are kept open, and all others except the database's. */
  const descriptors = () => {
    const others = targets(child.pid ?? 0).filter((target) => !/uploads\.sqlite|etilqs_/.test(target))
    const files = others.filter((target) => target.startsWith(path)).length
    return { files, others: others.length - files }
  }
  /** The peak of resident memory since `forgetPeak`, in bytes. */
  const peak = () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(proc("status"), "utf8"))?.[1]) * 1024

  const create = async (length: number) => Exchange.locationOf(await ask(Exchange.create(length)))
  const offsetOf = async (path: string) => Exchange.offsetOf(await ask(Exchange.head(path)))

  /** What an honest client does meanwhile: an upload in eight pieces, which must be intact. */
  const upload = async () => {
    const piece = "0123456789abcdef".repeat(4096)
    const upload = await create(8 * piece.length)
    for (let i = 0; i < 8; i++) {
      const { status, text } = await ask(Exchange.patch(upload, i * piece.length, piece))
      assert.strictEqual(status, 204, text)
    }
    assert.isTrue(readFileSync(fileOf(path, upload), "utf8") === piece.repeat(8))
    assert.strictEqual((await ask(Exchange.terminate(upload))).status, 204)
  }

  yield* Effect.promise(upload)
  const before = descriptors().others
  return {
    create,
    descriptors,
    offsetOf,
    upload,
    /** Lets the server open `spare` more descriptors. The limit is on descriptor numbers. */
    limitDescriptors: (spare: number) => {
      const taken = new Set(readdirSync(proc("fd")).map(Number))
      let limit = 0
      for (let free = 0; free < spare; limit++) {
        free += taken.has(limit) ? 0 : 1
      }
      execFileSync("prlimit", ["--pid", String(child.pid), `--nofile=${limit}:${limit}`])
    },
    /** The peak of additional memory during `attack`, in MiB. */
    growth: async (attack: () => Promise<unknown>) => {
      writeFileSync(proc("clear_refs"), "5")
      const before = peak()
      await attack()
      return (peak() - before) / 1024 ** 2
    },
    /** The whole response to these bytes, until the server closes the connection. */
    told: async (bytes: string | Uint8Array) => {
      const client = await Raw.open(port)
      client.send(bytes).catch(() => {})
      return await client.closed
    },
    /** Opens `count` connections, a few at a time. */
    connect: async (count: number): Promise<ReadonlyArray<Raw.Client>> => {
      const clients: Array<Raw.Client> = []
      while (clients.length < count) {
        const some = Math.min(100, count - clients.length)
        clients.push(...(await Promise.all(Array.from({ length: some }, () => Raw.open(port)))))
      }
      return clients
    },
    /**
     * The server is alive, serves other clients, has logged nothing, and has released everything it held for its
     * clients.
     */
    survives: async () => {
      await upload()
      while (descriptors().others > before) {
        await offsetOf("/files/none")
      }
      assert.isAtMost(descriptors().files, 512)
      assert.notMatch(output(), /ERROR|WARN|FATAL|rejection|unhandled|exception/i)
      assert.isNull(child.exitCode)
      assert.isNull(child.signalCode)
    }
  }
})
