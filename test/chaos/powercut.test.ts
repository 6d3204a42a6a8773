/**
 * The order of writes, syncs and answers, seen in the system calls of a running server. A power cut loses what was
 * written and not synced, so an answer must follow the syncs that it promises.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import * as Exchange from "../support/exchange.js"
import { needs } from "../support/needs.js"
import { tails } from "../support/stored.js"
import { idOf } from "../support/uploads.js"
import { exchange } from "./bounded.js"
import type { Stage, Step } from "./steps.js"
import { tracing } from "./tracing.js"

type Durability = "process" | "completion" | "always"
type Story = Readonly<Record<Durability, ReadonlyArray<Stage>>>

const make: ReadonlyArray<Stage> = [["make shard"], ["make file"]]
const write: ReadonlyArray<Stage> = [["write file"]]
const sync: ReadonlyArray<Stage> = [["sync directory", "sync file", "sync shard"]]
const again: ReadonlyArray<Stage> = [["sync file", "sync shard"]]
const state: ReadonlyArray<Stage> = [["write log"]]
const durableState: ReadonlyArray<Stage> = [["write log"], ["sync log"]]
const answer: ReadonlyArray<Stage> = [["answer"]]

/** The database creates its log, with a durable name, and its tables; these become durable with the next sync. */
const start: ReadonlyArray<Stage> = [
  ["make directory"],
  ["sync directory", "sync parent"],
  ["make log"],
  ["write log"],
  ["sync log"],
  ["sync directory"],
  ["write log"],
  // The database stores its name durably, then the directory does, and then the database records that.
  ["sync log"],
  ["sync directory"],
  ["write log"],
  ["sync log"],
  ["answer"]
]

/** Each part is cloned first, and copied if the file system cannot clone. */
const assemble: ReadonlyArray<Stage> = [...make, ...write, ["make file"], ...write]

const stories = {
  "OPTIONS after the start": { process: start, completion: start, always: start },
  "POST": {
    process: [...state, ...answer],
    completion: [...state, ...answer],
    always: [...durableState, ...answer]
  },
  "POST with the first bytes": {
    process: [...make, ...write, ...state, ...answer],
    completion: [...make, ...write, ...state, ...answer],
    always: [...make, ...write, ...sync, ...durableState, ...answer]
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
    process: [...make, ...write, ...state, ...answer],
    completion: [...make, ...write, ...sync, ...durableState, ...answer],
    always: [...make, ...write, ...sync, ...durableState, ...answer]
  },
  "POST of a part": {
    process: [...make, ...write, ...state, ...answer],
    completion: [...make, ...write, ...sync, ...durableState, ...answer],
    always: [...make, ...write, ...sync, ...durableState, ...answer]
  },
  "POST of an empty upload": {
    process: [...make, ...state, ...answer],
    completion: [...make, ...sync, ...durableState, ...answer],
    always: [...make, ...sync, ...durableState, ...answer]
  },
  "POST of a final": {
    process: [...state, ...assemble, ["rename file"], ...state, ...answer],
    completion: [...state, ...assemble, ["rename file"], ...sync, ...durableState, ...answer],
    always: [...durableState, ...assemble, ["rename file"], ...sync, ...durableState, ...answer]
  }
} satisfies Record<string, Story>

type Kind = keyof typeof stories

/** Bytes that are in the database touch no file and no folder: one sync makes them durable with their state. */
const inDatabase: Partial<Record<Kind, Story>> = {
  // Once in the life of a database it is closed to versions that know no such bytes.
  "POST with the first bytes": {
    process: [...state, ...answer],
    completion: [...state, ...answer],
    always: [...durableState, ...durableState, ...answer]
  },
  "PATCH with a part": {
    process: [...state, ...answer],
    completion: [...state, ...answer],
    always: [...durableState, ...answer]
  },
  "PATCH with the rest": {
    process: [...state, ...answer],
    completion: [...durableState, ...answer],
    always: [...durableState, ...answer]
  },
  "POST with all bytes": {
    process: [...state, ...answer],
    completion: [...durableState, ...answer],
    always: [...durableState, ...answer]
  }
}

/** What happens behind the answer with the last bytes, where they become a file later. */
const moved: ReadonlyArray<Stage> = [...make, ...write, ...sync, ...state]

const isMoved: ReadonlySet<Kind> = new Set(["PATCH with the rest", "POST with all bytes"])

/** Sends requests one after another, and returns the kind and the upload of each. */
const requests = (areMoved: boolean) =>
  Effect.fnUntraced(function*(port: number, uploads: string) {
    const done: Array<readonly [kind: Kind, path: string]> = []
    const send = Effect.fnUntraced(function*(kind: Kind, message: Exchange.Request) {
      const { headers, status } = yield* Effect.orDie(exchange(port, message))
      assert.include([200, 201, 204], status)
      const path = headers.location ?? message.path
      done.push([kind, path])
      if (areMoved && isMoved.has(kind)) {
        yield* Effect.repeat(tails(uploads), { until: (tails) => !tails.has(idOf(path)) })
      }
      return path
    })
    const bytes = randomBytes(4096)
    const length = { "upload-length": bytes.length }

    yield* send("OPTIONS after the start", { method: "OPTIONS", path: "/files" })
    yield* send("POST with the first bytes", Exchange.post({ "upload-length": 2 * bytes.length }, bytes))
    const upload = yield* send("POST", Exchange.post(length))
    yield* send("PATCH with a part", Exchange.patch(upload, 0, bytes.subarray(0, 1000)))
    yield* send("PATCH with the rest", Exchange.patch(upload, 1000, bytes.subarray(1000)))
    yield* send("POST with all bytes", Exchange.post(length, bytes))
    yield* send("POST of an empty upload", Exchange.post({ "upload-length": 0 }))
    const partial = Exchange.post({ ...length, "upload-concat": "partial" }, bytes)
    const parts = [yield* send("POST of a part", partial), yield* send("POST of a part", partial)]
    yield* send("POST of a final", Exchange.post({ "upload-concat": `final;${parts.join(" ")}` }))
    return done
  })

/** An existing shard is not created again, and its name has been synced. */
const isThere: ReadonlySet<Step> = new Set(["make shard", "sync directory"])

const without = (story: ReadonlyArray<Stage>, steps: ReadonlySet<Step>) =>
  story.map((stage) => stage.filter((step) => !steps.has(step))).filter((stage) => stage.length > 0)

/**
 * What each answer should follow, and what happened behind the one before it. The first upload with a file in a shard
 * makes it, and makes its name durable.
 */
const expected = (
  stories: Record<Kind, Story>,
  durability: Durability,
  areMoved: boolean,
  done: ReadonlyArray<readonly [Kind, string]>
) => {
  const makers = new Map<string, string>()
  const of = (story: ReadonlyArray<Stage>, path: string) => {
    const shard = path.slice(-2)
    if (!makers.has(shard) && story.some((stage) => stage.includes("make shard"))) {
      makers.set(shard, path)
    }
    return (makers.get(shard) ?? path) === path ? story : without(story, isThere)
  }
  return done.map(([kind, path], i) => {
    const [before, earlier = ""] = done[i - 1] ?? []
    const behind = areMoved && before !== undefined && isMoved.has(before) ? of(moved, earlier) : []
    const own = of(stories[kind][durability], path)
    // Two writes of the log in a row are one stage.
    return [...(own[0]?.includes("write log") === true ? behind.slice(0, -1) : behind), ...own]
  })
}

needs("strace")("a power cut", () => {
  for (const durability of ["process", "completion", "always"] as const) {
    for (const smallUploads of ["files", "database"] as const) {
      it.scopedLive(
        `loses nothing that was promised, at durability ${durability}, with small uploads in ${smallUploads}`,
        () =>
          Effect.gen(function*() {
            const areMoved = smallUploads === "files" && durability !== "process"
            const own = areMoved || smallUploads === "database" ? { ...stories, ...inDatabase } : stories
            const { result: done, seen } = yield* tracing({ durability, smallUploads }, requests(areMoved))
            assert.strictEqual(seen.length, done.length)
            const all = expected(own, durability, areMoved, done)
            done.forEach(([kind], i) => deepStrictEqual(seen[i], all[i], kind))
          }),
        120_000
      )
    }
  }
})
