/**
 * Kills the server again and again while clients upload in all ways. Nothing that was acknowledged is lost, with any
 * durability, and nothing is left over. Each life keeps small uploads elsewhere than the one before it.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { generator } from "../random.js"
import { directory } from "../support/directory.js"
import { faults, tails } from "../support/stored.js"
import { check, isStored } from "./check.js"
import * as UsageLedger from "./ledger.js"
import * as Lives from "./lives.js"
import * as Load from "./load.js"
import { remains } from "./remains.js"
import { limit, seeded, size } from "./size.js"

const cycles = size("CYCLES", 10, 200)
const clients = 6
const durabilities = ["process", "completion", "always"] as const

describe("kill -9", () => {
  it.scopedLive(
    `loses nothing that was acknowledged, ${cycles} times`,
    () =>
      seeded("crashes", (seed) =>
        Effect.gen(function*() {
          const random = generator(seed)
          const path = yield* directory
          const lives = Lives.make(path)
          const ledger = UsageLedger.make(generator(seed + 1))
          let isDone = false
          let met = 0

          const live = (cycle: number) =>
            lives.live(
              { durability: durabilities[cycle % 3], smallUploads: cycle % 2 === 0 ? "files" : "database" },
              (port) =>
                Effect.zipRight(
                  check(port, path, ledger),
                  Effect.map(tails(path), ({ size }) => {
                    met += size
                  })
                )
            )

          const die = (cycle: number) =>
            Effect.scoped(Effect.gen(function*() {
              const { output } = yield* live(cycle)
              yield* Effect.sleep(random() < 0.3 ? random() * 30 : random() * 800)
              // Bytes of a creation that was never acknowledged are set aside, and logged.
              assert.notMatch(
                output().replaceAll(/^.*WARN.* are named by no state, and set aside: .*$/gm, ""),
                /ERROR|WARN/
              )
            }))

          const client = (i: number) =>
            Effect.repeat(Load.make(generator(seed + 2 + i), lives, ledger), { until: () => isDone })

          yield* Effect.scoped(
            Effect.forEach(Arr.range(1, cycles), die, { discard: true }).pipe(
              Effect.zipRight(live(0)),
              Effect.tap(() => Effect.sync(() => isDone = true)),
              Effect.zipLeft(Effect.forEach(Arr.range(1, clients), client, { concurrency: "unbounded" }), {
                concurrent: true
              })
            )
          )

          const { files, uploads } = yield* remains(path, "2 days")
          assert.sameMembers(
            [...files],
            uploads.map(({ id }) => id),
            "bytes without a state, or a state without bytes"
          )
          assert.strictEqual((yield* tails(path)).size, 0, "bytes in two places")
          deepStrictEqual(yield* faults(path), [])
          yield* Effect.forEach(uploads, ({ completion, id, metadata }) => {
            assert.strictEqual(completion._tag, "Complete", `${id} was not swept`)
            const [, number = ""] = Option.getOrElse(metadata, () => "").split(" ")
            return isStored(path, id, ledger.posted(Number(Buffer.from(number, "base64").toString())))
          })
          const stored = new Set(uploads.map(({ id }) => `/files/${id}`))
          for (const { path, state } of ledger.entries) {
            assert.strictEqual(stored.has(path), state === "Complete", `${path} is ${state}`)
          }
          assert.isAbove(lives.broken(), 0)
          // Few lives may leave none behind.
          assert.isTrue(met > 0 || cycles < 10, "no life found bytes in the database")
          console.log(`${cycles} kills: ${ledger.entries.length} uploads, ${lives.broken()} requests without an answer`)
        })),
    limit
  )
})
