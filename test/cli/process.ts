/**
 * The command as a process, with a directory and a home of its own. Only processes that were started here are ended.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ChildProcess, spawn } from "node:child_process"
import { EventEmitter, once } from "node:events"
import { writeFileSync } from "node:fs"
import type * as Http from "node:http"
import * as Net from "node:net"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"
import { sha256OfFile } from "../interop/server.js"
import { directory } from "../support/directory.js"
import { sha256OfStored } from "../support/stored.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** The command line that runs the command. */
export const command: ReadonlyArray<string> = [process.execPath, join(root, "dist/cli/main.js")]

export const state = (directory: string) => join(directory, "state")

export interface Setting {
  readonly env?: Readonly<Record<string, string>>
  /** The standard input; empty by default. */
  readonly input?: string | Uint8Array
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  /** The lines of both outputs. */
  readonly out: ReadonlyArray<string>
  readonly err: ReadonlyArray<string>
}

export interface Running {
  readonly process: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits until one of the outputs matches. */
  readonly said: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly ended: Promise<Ended>
}

/** Without the environment of the tests. */
const environment = (directory: string): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: join(directory, "home"),
  XDG_STATE_HOME: state(directory),
  TERM: "xterm"
})

export const spawned = (directory: string, [file = "", ...args]: ReadonlyArray<string>, setting: Setting = {}) => {
  const child = spawn(file, args, {
    cwd: directory,
    env: { ...environment(directory), ...setting.env },
    stdio: [setting.input === undefined ? "ignore" : "pipe", "pipe", "pipe"]
  })
  let stdout = ""
  let stderr = ""
  const looks = new Set<() => void>()
  const onData = (add: (text: string) => void) => (text: string) => {
    add(text)
    looks.forEach((look) => look())
  }
  child.stdout?.setEncoding("utf8").on("data", onData((text) => stdout += text))
  child.stderr?.setEncoding("utf8").on("data", onData((text) => stderr += text))
  // The process may end before it has read everything.
  child.stdin?.on("error", () => {})
  const ended = once(child, "close").then(([code, signal]): Ended => ({
    code,
    signal,
    stdout,
    stderr,
    out: linesOf(stdout),
    err: linesOf(stderr)
  }))
  const running: Running = {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    said: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(stdout) ?? pattern.exec(stderr)
          if (match !== null) {
            looks.delete(look)
            resolve(match)
          }
        }
        looks.add(look)
        look()
        void ended.then(() => reject(new Error(`ended without saying ${pattern}: ${stdout}${stderr}`)))
      })
  }
  return running
}

const linesOf = (text: string): ReadonlyArray<string> =>
  text.split("\n").slice(0, /(^|\n)$/.test(text) ? -1 : undefined)

export const isRunning = ({ process: child }: Running) => child.exitCode === null && child.signalCode === null

/** Starts a program, and ends it with the scope. */
export const program = (directory: string, words: ReadonlyArray<string>, setting?: Setting) =>
  Effect.acquireRelease(
    Effect.sync(() => spawned(directory, words, setting)),
    (running) =>
      Effect.promise(async () => {
        if (isRunning(running)) {
          running.process.kill("SIGKILL")
        }
        await running.ended
      })
  )

/** Starts the command, and ends it with the scope. */
export const start = (directory: string, args: ReadonlyArray<string>, setting?: Setting) =>
  program(directory, [...command, ...args], setting)

// With more tests at once, one would spend its time limit waiting for the processes of others.
vi.setConfig({ maxConcurrency: 2 })

const few = Effect.unsafeMakeSemaphore(2)

/** Runs the command to its end, two at a time. */
export const run = (directory: string, args: ReadonlyArray<string>, setting: Setting = {}) =>
  start(directory, args, setting).pipe(
    Effect.tap(({ process: { stdin } }) => Effect.sync(() => stdin?.end(setting.input))),
    Effect.flatMap(({ ended }) => Effect.promise(() => ended)),
    Effect.scoped,
    few.withPermits(1)
  )

/** `effect-tus serve` in the scope. `directory` keeps the uploads. */
export const serving = Effect.fnUntraced(function*(directory: string, port = 0) {
  const running = yield* start(dirname(directory), ["serve", "--port", `${port}`, "--dir", directory])
  const [url] = yield* Effect.promise(() => running.said(/http:\/\/\S+/))
  return { ...running, url, port: Number(new URL(url).port), directory }
})

/** One server for all tests of a file. */
export class Server extends Context.Tag("test/cli/Server")<Server, {
  readonly url: string
  readonly port: number
  readonly directory: string
}>() {
  static readonly layer = Layer.scoped(Server, Effect.flatMap(directory, (path) => serving(join(path, "uploads"))))
}

/** The digest of the stored bytes of an upload. */
export const stored = (directory: string, url = "") => sha256OfStored(directory, url)

export const digest = (path: string) => Effect.promise(() => sha256OfFile(path))

/** Writes a file and returns its path. */
export const file = (directory: string, name: string, contents: string | Uint8Array) => {
  const path = join(directory, name)
  writeFileSync(path, contents)
  return path
}

export const json = (lines: ReadonlyArray<string>): ReadonlyArray<Record<string, unknown>> =>
  lines.map((line) => JSON.parse(line))

/**
 * A relay between the command and a server. It passes `hold` bytes of each connection to the server, and the rest once
 * it is opened.
 */
export const relay = (port: number, hold: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const signals = new EventEmitter().setMaxListeners(0)
      const sockets = new Set<Net.Socket>()
      let limit = hold
      const holding = new Set<Net.Socket>()
      let passed = 0
      const server = Net.createServer((near) => {
        const far = Net.connect(port, "127.0.0.1")
        for (const [socket, other] of [[near, far], [far, near]] as const) {
          sockets.add(socket)
          socket.on("error", () => {}).on("close", () => {
            sockets.delete(socket)
            other.destroy()
          })
        }
        far.pipe(near)
        let room = limit
        near.on("data", (bytes: Buffer) => {
          const pass = (bytes: Buffer) => {
            passed += bytes.length
            room -= bytes.length
            far.write(bytes)
          }
          const rest = bytes.subarray(room)
          pass(bytes.subarray(0, room))
          if (rest.length > 0) {
            near.pause()
            holding.add(near)
            signals.emit("held")
            signals.once("opened", () => {
              room = limit
              pass(rest)
              near.resume()
            })
          }
        })
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return {
        server,
        sockets,
        url: `http://127.0.0.1:${(server.address() as Net.AddressInfo).port}/files`,
        /** Waits until `count` connections are held. */
        held: async (count = 1) => {
          while (holding.size < count) {
            await once(signals, "held")
          }
        },
        /** Bytes that were passed to the server, headers included. */
        passed: () => passed,
        open: () => {
          limit = Number.POSITIVE_INFINITY
          signals.emit("opened")
        }
      }
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        sockets.forEach((socket) => socket.destroy())
      })
  )

export interface Tus {
  /** The requests in order. */
  readonly requests: ReadonlyArray<Http.IncomingMessage>
  /** The offset of each upload. */
  readonly offsets: ReadonlyMap<string, number>
  readonly listener: Http.RequestListener
}

/** A minimal server that records requests. `answers` replaces the answer to a method. */
export const tus = (answers: Readonly<Record<string, Http.RequestListener>> = {}): Tus => {
  const requests: Array<Http.IncomingMessage> = []
  const offsets = new Map<string, number>()
  const listener: Http.RequestListener = (request, response) => {
    requests.push(request)
    const { method = "", url = "" } = request
    const own = answers[method]
    if (own !== undefined) {
      return own(request, response)
    }
    const say = (status: number, headers: Http.OutgoingHttpHeaders = {}) =>
      response.writeHead(status, { "tus-resumable": "1.0.0", ...headers }).end()
    const offset = offsets.get(url)
    if (method === "OPTIONS") {
      return say(204, {
        "tus-version": "1.0.0",
        "tus-extension": "creation,termination,checksum",
        "tus-checksum-algorithm": "sha1"
      })
    }
    // It does not support X-HTTP-Method-Override.
    if (method === "POST" && offset !== undefined) {
      return say(405)
    }
    if (method === "POST") {
      const id = `/files/${offsets.size}`
      offsets.set(id, 0)
      return say(201, { location: id })
    }
    if (offset === undefined) {
      return say(404)
    }
    if (method === "DELETE") {
      offsets.delete(url)
      return say(204)
    }
    let now = offset
    request.on("data", (bytes: Buffer) => {
      now += bytes.length
      offsets.set(url, now)
    })
    request.on("end", () => say(method === "HEAD" ? 200 : 204, { "upload-offset": now }))
  }
  return { requests, offsets, listener }
}
