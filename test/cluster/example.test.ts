import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync, spawn } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { command } from "../cli/process.js"
import { directory } from "../support/directory.js"
import { needs } from "../support/needs.js"

const script = fileURLToPath(new URL("../../examples/cluster/start.sh", import.meta.url))

/** The first of some ports that nobody listens on, below those that the system gives out while the example starts. */
const freePorts = async (count: number): Promise<number> => {
  const base = 20_000 + 10 * Math.floor(Math.random() * 1200)
  const servers = Array.from({ length: count }, (_, n) => createServer().listen(base + n, "127.0.0.1"))
  const listening = await Promise.allSettled(servers.map((server) => once(server, "listening")))
  await Promise.all(servers.map((server) => server.listening ? (server.close(), once(server, "close")) : undefined))
  return listening.every(({ status }) => status === "fulfilled") ? base : freePorts(count)
}

/** The cluster of the example, and the ids of its servers' processes. */
const cluster = Effect.gen(function*() {
  const port = yield* Effect.promise(() => freePorts(6))
  const { running, said } = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const running = spawn("bash", [script, String(port)], { stdio: ["ignore", "pipe", "pipe"] })
      let output = ""
      const hear = (data: Buffer) => {
        output += data.toString()
      }
      running.stdout.on("data", hear)
      running.stderr.on("data", hear)
      while (!output.includes("upload with:")) {
        assert.isNull(running.exitCode, output)
        await Promise.race([once(running.stdout, "data"), once(running, "exit")])
      }
      return { running, said: () => output }
    }),
    ({ running }) =>
      Effect.promise(async () => {
        const ended = once(running, "exit")
        running.kill("SIGTERM")
        await ended
      })
  )
  const servers = execFileSync("pgrep", ["-P", String(running.pid), "-f", "main.js serve"]).toString().trim().split(
    "\n"
  )
  return { port, said, servers: servers.map(Number) }
})

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/** The objects in the bucket of the example. */
const objects = async (port: number) => {
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port + 4}`,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: "cluster", secretAccessKey: "example-secret" }
  })
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: "uploads" }))
  return await Promise.all(Contents.map(async ({ Key }) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: "uploads", Key }))
    return sha256(await Body?.transformToByteArray() ?? new Uint8Array())
  }))
}

needs("PostgreSQL", "Ceph", "haproxy")("the example of a cluster", () => {
  it.scopedLive("stores uploads through any server, also one that is killed while it receives one", () =>
    Effect.gen(function*() {
      const { port, said, servers } = yield* cluster
      assert.strictEqual(servers.length, 2, said())
      const home = yield* directory
      const files = [randomBytes(64 * 1024 * 1024), Buffer.from("small")]
      const paths = files.map((bytes, n) => {
        const path = join(home, `file-${n}`)
        writeFileSync(path, bytes)
        return path
      })
      const [node = "", ...args] = command
      const upload = spawn(node, [...args, "upload", ...paths, "--to", `http://127.0.0.1:${port}/files`], {
        env: { ...process.env, HOME: home, XDG_STATE_HOME: home },
        stdio: ["ignore", "ignore", "pipe"]
      })
      let told = ""
      upload.stderr.on("data", (data: Buffer) => {
        told += data.toString()
      })
      const ended = once(upload, "exit")
      while (!/file-0: \d+ %/.test(told)) {
        yield* Effect.promise(() => Promise.race([once(upload.stderr, "data"), ended]))
        assert.isNull(upload.exitCode, told)
      }
      const [first = 0] = servers
      process.kill(first, "SIGKILL")
      const [code] = yield* Effect.promise(() => ended)
      assert.strictEqual(code, 0, told)
      const stored = yield* Effect.promise(() => objects(port))
      assert.sameMembers(stored, files.map(sha256))
    }))
})
