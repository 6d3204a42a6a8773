/**
 * A client with default options on bad lines: slow, far away and losing packets, or with an address that does not
 * answer.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { needs } from "../support/needs.js"
import { type Line, type Told, upload } from "./line.js"

const kibibyte = 1024

/** Like a radio link at the edge of its range. A round trip takes 800 ms. */
const bad: Line = { bytesPerSecond: 4 * kibibyte, delaySeconds: 0.4, loss: 0.03, queueBytes: 16 * kibibyte, seed: 1 }

const good: Line = { bytesPerSecond: 1024 * kibibyte, delaySeconds: 0.01, loss: 0, queueBytes: 256 * kibibyte, seed: 1 }

const restartsOf = (events: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
  events.filter(({ event }) => event === "Retrying").length

needs("network namespaces")("an upload", () => {
  it.scopedLive("is complete over a line of 4 KiB/s that is far and loses packets, with at most one restart", () =>
    Effect.gen(function*() {
      const { events, isStored, line } = yield* upload(
        { line: bad, named: false, silent: false },
        randomBytes(64 * kibibyte)
      )
      assert.isTrue(isStored, JSON.stringify(events))
      assert.isAbove(line.up.lost + line.down.lost, 0)
      assert.isAtMost(restartsOf(events), 1)
    }))

  const nobody: Readonly<Record<string, Pick<Told, "named" | "silent">>> = {
    "has no way to": { named: true, silent: false },
    "gets no answer from": { named: true, silent: true }
  }
  for (const [title, told] of Object.entries(nobody)) {
    it.scopedLive(`uses IPv4 if it ${title} the IPv6 address of its server`, () =>
      Effect.gen(function*() {
        const { events, isStored, line } = yield* upload({ line: good, ...told }, randomBytes(64 * kibibyte))
        assert.isTrue(isStored, JSON.stringify(events))
        assert.strictEqual(restartsOf(events), 0)
        // The kernel repeats a SYN after 1, 3, 7 and 15 seconds. The client tries the next address after 250 ms.
        assert.isAtMost(line.unheard, 3)
        assert.strictEqual(line.unheard > 0, told.silent)
      }))
  }
}, { concurrent: true })
