/**
 * Processes that hold an upload and are paused for longer than their lease, or killed. Leases are short here.
 */
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { child } from "../child.js"
import { needs } from "../support/needs.js"
import { postgres } from "../support/postgres.js"
import { commit, fenceOf, id, open, start } from "./servers.js"

const lease = "2 seconds"

/** An upload that another process holds, and a server that wants it. */
const held = Effect.gen(function*() {
  const url = yield* Effect.flatMap(postgres, ({ database }) => database)
  const server = yield* start(url, { lease })
  yield* server.registry.create(open(1), { fence: 0, durable: true })
  const holder = yield* child("postgres/holder", { url, lease })
  const { fence } = yield* Effect.promise(() => holder.says((line) => "fence" in line))
  return { server, holder, fence: Number(fence) }
})

needs("PostgreSQL")("a process that holds an upload", () => {
  it.scopedLive("loses it if it stands still for longer than its lease: all of its writes are refused", () =>
    Effect.gen(function*() {
      const { fence, holder, server } = yield* held
      holder.process.kill("SIGSTOP")
      // Nobody asks the one that stands still.
      yield* Effect.repeat(server.lock.withLockIfFree(id(1), fenceOf), {
        until: Option.isSome,
        schedule: Schedule.spaced("50 millis")
      })
      const first = yield* commit(server, 10)
      assert.isAbove(first.fence, fence)
      holder.process.kill("SIGCONT")
      // It notices by itself that it has to leave.
      const { writes } = yield* Effect.promise(() => holder.says((line) => "writes" in line))
      deepStrictEqual(writes, ["Superseded", "Superseded", "Superseded"])
      const { next } = yield* Effect.promise(() => holder.says((line) => "next" in line))
      assert.isAbove(Number(next), first.fence)
      assert.strictEqual((yield* commit(server, 10)).upload.offset, 20)
    }))

  it.scopedLive("leaves it when another process wants it, and its writes count", () =>
    Effect.gen(function*() {
      const { fence, holder, server } = yield* held
      assert.isAbove(yield* server.lock.withLock(id(1), fenceOf), fence)
      const { writes } = yield* Effect.promise(() => holder.says((line) => "writes" in line))
      // A removal of the state before the commit is refused to anybody.
      deepStrictEqual(writes, ["done", "Superseded", "done"])
    }))

  it.scopedLive("leaves it to others if it is killed", () =>
    Effect.gen(function*() {
      const { fence, holder, server } = yield* held
      yield* Effect.promise(() => holder.kill("SIGKILL"))
      const { fence: next, upload } = yield* commit(server, 10)
      assert.isAbove(next, fence)
      assert.strictEqual(upload.offset, 10)
    }))
})
