/**
 * Sends far more bytes than fit in memory through one server, by several clients at once.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { readFileSync } from "node:fs"
import { directory } from "../support/directory.js"
import * as Exchange from "../support/exchange.js"
import { exchange } from "./bounded.js"
import { isStored } from "./check.js"
import { counted } from "./counted.js"
import * as UsageLedger from "./ledger.js"
import { limit, size } from "./size.js"

const mebibyte = 1024 * 1024
const gibibytes = size("GIBIBYTES", 1, 20)
const clients = 4
const each = 32 * mebibyte
const uploads = (gibibytes * 1024 * mebibyte) / each
/** The memory of a server grows until it has done each kind of work once. */
const warmUp = 16
/** The parts of the time after that; the peak of each is compared. */
const windows = 4

const bytes = UsageLedger.bytesOf({ start: 0, length: each })

/** The requests of an upload after its creation: the size of their bodies, and their form. */
const manners = [
  { body: each, message: Exchange.patch },
  { body: 4 * mebibyte, message: Exchange.patch },
  { body: 8 * mebibyte, message: Exchange.checked },
  { body: 8 * mebibyte, message: Exchange.trailed }
]

describe("a soak", () => {
  it.scopedLive(`of ${gibibytes} GiB leaves the server as large as before`, () =>
    Effect.gen(function*() {
      const path = yield* directory
      const { atRest, countsWhen, isWell, port, process: { pid } } = yield* counted(path)
      const send = (message: Exchange.Request, ...statuses: ReadonlyArray<number>) =>
        Effect.tap(Effect.orDie(exchange(port, message)), ({ status }) =>
          Effect.sync(() => assert.include(statuses, status)))

      let done = 0
      const peaks = Arr.makeBy(windows, () =>
        0)
      const sample = Effect.sync(() => {
        const rss = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024
        const window = Math.floor(((done - warmUp) / (uploads - warmUp)) * windows)
        if (window >= 0 && window < windows) {
          peaks[window] = Math.max(peaks[window] ?? 0, rss)
        }
      })

      const upload = Effect.fnUntraced(function*(i: number) {
        const { body, message } = manners[i % manners.length] ?? assert.fail()
        const { headers } = yield* send(Exchange.post({ "upload-length": each }), 201)
        const location = headers.location ?? assert.fail("no Location")
        for (let at = 0; at < each; at += body) {
          yield* send(message(location, at, bytes.subarray(at, at + body)), 204)
        }
        yield* isStored(path, location, { start: 0, length: each })
        yield* send(Exchange.terminate(location), 204)
        done++
      })

      const before = yield* atRest
      yield* Effect.fork(Effect.repeat(sample, Schedule.spaced("20 millis")))
      yield* Effect.forEach(Arr.range(1, uploads), upload, { concurrency: clients, discard: true })
      const after = yield* countsWhen(({ descriptors, fibers }) =>
        fibers <= before.fibers && descriptors === before.descriptors
      )
      console.log(`${gibibytes} GiB: at most ${peaks.map((peak) => Math.round(peak / mebibyte)).join(", ")} MiB`)
      // A lower peak is no growth.
      assert.isBelow(Math.max(...peaks.slice(1)) - (peaks[0] ?? 0), 32 * mebibyte)
      // The first sweep may have been running at the first count.
      assert.isAtMost(after.fibers, before.fibers)
      deepStrictEqual([after.descriptors, after.uploads], [before.descriptors, 0])
      yield* isWell
    }), limit)
})
