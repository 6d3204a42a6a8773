/**
 * The proxies of `examples/deploy`, each a process on a free port of the loopback, in front of a server that trusts
 * them. Tests only end processes that they started.
 */
import { NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import { directory } from "../support/directory.js"
import { freePort } from "../support/ports.js"
import { sha256OfStored } from "../support/stored.js"

export const snippet = (name: string) => readFileSync(new URL(`../../examples/deploy/${name}`, import.meta.url), "utf8")

export const server = Effect.fnUntraced(function*(options: Partial<NodeTusServer.Options> = {}) {
  const path = yield* directory
  const context = yield* Layer.build(
    NodeTusServer.layer({ directory: path, port: 0, trustedProxies: ["127.0.0.1"], ...options })
  )
  const { port, url } = Context.get(context, NodeTusServer.NodeTusServer)
  return {
    url,
    port,
    digestOf: (url: string) => sha256OfStored(path, url),
    /** Waits until the server has this many bytes of its only upload. */
    arrived: (count: number) =>
      Effect.promise(async () => {
        while (!has(path, count)) {
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
      })
  }
})

const has = (path: string, count: number) =>
  readdirSync(path, { recursive: true, encoding: "utf8" }).some((name) =>
    /[\da-f]{32}$/.test(name) && statSync(join(path, name)).size >= count
  )

/** Replaces texts. Fails if one of them is missing. */
const replaced = (text: string, changes: ReadonlyArray<readonly [from: string, to: string]>) =>
  changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) {
      throw new Error(`there is no ${from} in ${text}`)
    }
    return text.replaceAll(from, to)
  }, text)

/** Runs a proxy until the scope ends. Returns when its port accepts connections. */
const proxy = Effect.fnUntraced(function*(
  name: string,
  argumentsOf: (config: string, directory: string) => ReadonlyArray<string>,
  configOf: (port: number) => string
) {
  const at = yield* directory
  const port = yield* freePort
  const config = join(at, "config")
  writeFileSync(config, configOf(port))
  let said = ""
  const running = yield* Effect.acquireRelease(
    Effect.sync(() => {
      // Files that the proxy writes into its home go with the directory.
      const env = { PATH: process.env.PATH, HOME: at }
      const child = spawn(name, argumentsOf(config, at), { env, stdio: ["ignore", "pipe", "pipe"] })
      child.stdout.on("data", (text: Buffer) => said += text)
      child.stderr.on("data", (text: Buffer) => said += text)
      return { child, ended: once(child, "close").catch((error: unknown) => said += String(error)) }
    }),
    ({ child, ended }) =>
      Effect.promise(async () => {
        child.kill("SIGTERM")
        await ended
      })
  )
  yield* Effect.promise(async () => {
    while (!(await isListening(port))) {
      if (running.child.exitCode !== null || running.child.pid === undefined) {
        throw new Error(`${name} does not run: ${said}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
  return { url: `http://127.0.0.1:${port}/files`, port }
})

const isListening = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = Net.connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

/** @param changes - replacements in the snippet. */
export const nginx = (target: number, changes: ReadonlyArray<readonly [from: string, to: string]> = []) =>
  proxy("nginx", (config, directory) => ["-c", config, "-p", directory, "-e", "stderr"], (port) => `
daemon off;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`).join(" ")}
  ${
    replaced(snippet("nginx.conf"), [
      ["listen 80;", `listen 127.0.0.1:${port};`],
      ["127.0.0.1:1080", `127.0.0.1:${target}`],
      ...changes
    ])
  }
}
`)

export const haproxy = (target: number) =>
  proxy("haproxy", (config) => ["-db", "-f", config], (port) =>
    replaced(snippet("haproxy.cfg"), [
      ["bind :80", `bind 127.0.0.1:${port}`],
      ["127.0.0.1:1080", `127.0.0.1:${target}`]
    ]))

export const caddy = (target: number) =>
  proxy("caddy", (config) => ["run", "--adapter", "caddyfile", "--config", config], (port) => `
{
  admin off
}
${
    replaced(snippet("Caddyfile"), [
      ["uploads.example.org", `http://127.0.0.1:${port}`],
      ["127.0.0.1:1080", `127.0.0.1:${target}`]
    ])
  }
`)
