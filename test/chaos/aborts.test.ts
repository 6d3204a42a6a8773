/**
 * Clients that disconnect after any byte of any request leave nothing behind in the server.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { generator } from "../random.js"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import * as Raw from "../support/raw.js"
import { aborted, type Manner } from "./aborted.js"
import { exchange } from "./bounded.js"
import { isStored } from "./check.js"
import { counted } from "./counted.js"
import * as UsageLedger from "./ledger.js"
import { mixture } from "./mixture.js"
import { limit, seeded, size } from "./size.js"

const aborts = size("ABORTS", 1000, 10_000)
const uploads = 16
const clients = 32
const most = 200_000
const mebibyte = 1024 * 1024
const manners: ReadonlyArray<Manner> = ["close", "reset", "half"]

describe("aborts", () => {
  it.scopedLive(
    `${aborts} of them leave no descriptor, fiber, lock, memory or wrong byte behind`,
    () =>
      seeded("aborts", (seed) =>
        Effect.gen(function*() {
          const random = generator(seed)
          const path = yield* directory
          const { atRest, counts, countsWhen, isWell, port } = yield* counted(path)
          const ledger = UsageLedger.make(random)
          const send = (message: Exchange.Request) => Effect.orDie(exchange(port, message))

          const begin = Effect.suspend(() => {
            const content = ledger.content(most)
            return Effect.map(
              send(Exchange.post({ "upload-length": content.length })),
              ({ headers }) => ledger.created(headers.location ?? assert.fail("no Location"), content)
            )
          })

          const ask = (entry: UsageLedger.Entry) =>
            Effect.suspend(() => {
              const { told } = entry
              return Effect.map(
                send(Exchange.head(entry.path)),
                ({ headers }) => UsageLedger.tell(entry, Number(headers["upload-offset"]), told)
              )
            })

          const before = yield* atRest
          const open = yield* Effect.replicateEffect(begin, uploads)

          const abort = Effect.gen(function*() {
            const at = Math.floor(random() * uploads)
            const entry = open[at] ?? assert.fail()
            yield* ask(entry)
            if (entry.state === "Complete") {
              open[at] = yield* begin
            }
            const pieces = Raw.encode(mixture(random, entry, ledger.content(most)))
            const bytes = Buffer.concat(pieces)
            // Half of them are cut within the headers.
            const cut = Math.floor(random() * ((random() < 0.5 ? pieces[0]?.length ?? 0 : bytes.length) + 1))
            yield* aborted(port, bytes.subarray(0, cut), manners[Math.floor(random() * manners.length)] ?? "close")
          })

          const abortMany = (count: number) =>
            Effect.replicateEffect(abort, count, { concurrency: clients, discard: true })

          yield* abortMany(aborts / 2)
          const warm = yield* countsWhen(({ fibers }) => fibers === before.fibers)
          yield* abortMany(aborts / 2)

          // Now every upload is free for another client, also one that two clients have replaced at once.
          yield* Effect.forEach(
            ledger.entries,
            Effect.fnUntraced(function*(entry) {
              yield* ask(entry)
              if (entry.state === "Open") {
                const { status } = yield* send(
                  Exchange.patch(entry.path, entry.told, UsageLedger.bytesOf(entry.content).subarray(entry.told))
                )
                assert.strictEqual(status, 204)
                yield* ask(entry)
              }
            }),
            { concurrency: "unbounded" }
          )
          yield* Effect.forEach(ledger.entries, (entry) => isStored(path, entry.path, entry.content))
          const stored = yield* counts
          yield* Effect.forEach(
            stored.ids,
            (id) =>
              Effect.map(send(Exchange.terminate(`/files/${id}`)), ({ status }) => assert.strictEqual(status, 204)),
            {
              concurrency: clients
            }
          )

          const after = yield* countsWhen(({ descriptors, fibers }) =>
            fibers <= before.fibers && descriptors === before.descriptors
          )
          console.log(`${aborts} aborts, ${stored.uploads} uploads`, {
            heap: [before.heap, warm.heap, after.heap],
            rss: [before.rss, warm.rss, after.rss]
          })
          // The first sweep may have been running at the first count.
          assert.isAtMost(after.fibers, before.fibers)
          deepStrictEqual([after.descriptors, after.uploads], [before.descriptors, 0])
          assert.isBelow(after.heap - warm.heap, 4 * mebibyte)
          assert.isBelow(after.rss - warm.rss, 32 * mebibyte)
          yield* isWell
        })),
    limit
  )
})
