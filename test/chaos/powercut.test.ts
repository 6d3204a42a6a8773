/**
 * What was on its way to the disk, and in which order, when an answer left: seen in the system calls of the running example.
 * A power cut takes what was written and not yet synced, so an answer that promises anything comes last.
 *
 * Needs strace, and the right to trace processes of one's own.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { example } from "../example.js"
import { directory } from "../interop/server.js"
import { exchange } from "./exchange.js"
import * as Message from "./message.js"
import { answers, type Stage, type Step, traced } from "./steps.js"
import { parse } from "./strace.js"

type Durability = "process" | "completion" | "always"
type Story = Readonly<Record<Durability, ReadonlyArray<Stage>>>

const make: ReadonlyArray<Stage> = [["make shard"], ["make file"]]
const write: ReadonlyArray<Stage> = [["write file"]]
const sync: ReadonlyArray<Stage> = [["sync directory", "sync file", "sync shard"]]
const again: ReadonlyArray<Stage> = [["sync file", "sync shard"]]
const state: ReadonlyArray<Stage> = [["write log"]]
const durableState: ReadonlyArray<Stage> = [["write log"], ["sync log"]]
const answer: ReadonlyArray<Stage> = [["answer"]]

/** The database makes its log, with a name that lasts, and the tables in it; those last with whatever is synced first. */
const start: ReadonlyArray<Stage> = [
  ["make directory"],
  ["sync directory", "sync parent"],
  ["make log"],
  ["write log"],
  ["sync log"],
  ["sync directory"],
  ["write log"],
  ["answer"]
]

const stories = {
  "OPTIONS after the start": { process: start, completion: start, always: start },
  "POST": {
    process: [...state, ...answer],
    completion: [...state, ...answer],
    always: [...durableState, ...answer]
  },
  "PATCH with a part": {
    process: [...make, ...write, ...state, ...answer],
    completion: [...make, ...write, ...state, ...answer],
    always: [...make, ...write, ...sync, ...durableState, ...answer]
  },
  "PATCH with the rest": {
    process: [...write, ...state, ...answer],
    completion: [...write, ...sync, ...durableState, ...answer],
    always: [...write, ...again, ...durableState, ...answer]
  },
  "POST with all bytes": {
    process: [...state, ...make, ...write, ...state, ...answer],
    completion: [...state, ...make, ...write, ...sync, ...durableState, ...answer],
    always: [...durableState, ...make, ...write, ...sync, ...durableState, ...answer]
  },
  "POST of an empty upload": {
    process: [...make, ...state, ...answer],
    completion: [...make, ...sync, ...durableState, ...answer],
    always: [...make, ...sync, ...durableState, ...answer]
  },
  "POST of a final": {
    process: [...state, ...make, ...write, ["rename file"], ...state, ...answer],
    completion: [...state, ...make, ...write, ["rename file"], ...sync, ...durableState, ...answer],
    always: [...durableState, ...make, ...write, ["rename file"], ...sync, ...durableState, ...answer]
  }
} satisfies Record<string, Story>

const strace = (output: string) => ["strace", "-f", "-y", "-s", "64", "-e", `trace=${traced}`, "-o", output]

/** Sends requests one after the other to a server that is traced, and returns what it did for each. */
const trace = (durability: Durability) =>
  Effect.gen(function*() {
    assert.strictEqual(
      spawnSync("strace", ["-V"]).status,
      0,
      "this test needs strace: apt-get install strace, or what your system calls it"
    )
    const home = yield* directory
    const path = join(home, "uploads")
    const output = join(home, "trace")
    // What goes through io_uring is no system call.
    const env = { UPLOAD_DIR: path, DURABILITY: durability, UV_USE_IO_URING: "0" }
    const server = yield* example("node-server", env, strace(output))
    const port = Number(new URL(server.url).port)
    const done: Array<readonly [keyof typeof stories, location: string]> = []
    const send = Effect.fnUntraced(function*(kind: keyof typeof stories, message: Message.Message) {
      const { headers, status } = yield* Effect.orDie(exchange(port, message))
      assert.include([200, 201, 204], status)
      const location = headers.location ?? message.path
      done.push([kind, location])
      return location
    })
    const bytes = Buffer.from("0123456789")
    const length = { "Upload-Length": bytes.length }

    yield* send("OPTIONS after the start", { method: "OPTIONS", path: "/files" })
    const upload = yield* send("POST", Message.create("/files", length))
    yield* send("PATCH with a part", Message.append(upload, 0, bytes.subarray(0, 4)))
    yield* send("PATCH with the rest", Message.append(upload, 4, bytes.subarray(4)))
    yield* send("POST with all bytes", Message.create("/files", length, bytes))
    yield* send("POST of an empty upload", Message.create("/files", { "Upload-Length": 0 }))
    const partial = Message.create("/files", { ...length, "Upload-Concat": "partial" }, bytes)
    const parts = [yield* send("POST with all bytes", partial), yield* send("POST with all bytes", partial)]
    yield* send("POST of a final", Message.create("/files", { "Upload-Concat": `final;${parts.join(" ")}` }))

    process.kill(Number.parseInt(readFileSync(output, "utf8")), "SIGKILL")
    yield* Effect.promise(() => server.ended)
    return { done, seen: answers(path, parse(readFileSync(output, "utf8"))) }
  })

/** A shard in which another upload is already is not made again, and its name has been synced. */
const isThere: ReadonlySet<Step> = new Set(["make shard", "sync directory"])

const without = (story: ReadonlyArray<Stage>, steps: ReadonlySet<Step>) =>
  story.map((stage) => stage.filter((step) => !steps.has(step))).filter((stage) => stage.length > 0)

describe("a power cut (needs strace)", () => {
  for (const durability of ["process", "completion", "always"] as const) {
    it.scopedLive(`takes nothing that was promised, durability ${durability}`, () =>
      Effect.gen(function*() {
        const { done, seen } = yield* trace(durability)
        assert.strictEqual(seen.length, done.length)
        const homes = new Map<string, string>()
        done.forEach(([kind, location], i) => {
          const shard = location.slice(-2)
          const story = stories[kind][durability]
          const first = homes.get(shard) ?? location
          homes.set(shard, first)
          deepStrictEqual(seen[i], first === location ? story : without(story, isThere), kind)
        })
      }), 120_000)
  }
})
