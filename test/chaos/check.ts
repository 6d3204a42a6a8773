/**
 * Checks over HTTP and in the directory that a server keeps everything it has acknowledged.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { sha256 } from "../interop/server.js"
import * as Exchange from "../support/exchange.js"
import { sha256OfStored } from "../support/stored.js"
import { exchange } from "./bounded.js"
import { bytesOf, type Content, type Entry, tell, type UsageLedger } from "./ledger.js"

export const isStored = Effect.fnUntraced(function*(directory: string, path: string, content: Content) {
  assert.strictEqual(
    yield* sha256OfStored(directory, path),
    yield* Effect.promise(() => sha256([bytesOf(content)])),
    `${path} holds other bytes than ${content.length} from ${content.start} on`
  )
})

const checkEntry = Effect.fnUntraced(function*(port: number, directory: string, entry: Entry) {
  const { headers, status } = yield* Effect.orDie(exchange(port, Exchange.head(entry.path)))
  switch (entry.state) {
    case "Gone":
      assert.strictEqual(status, 404, `${entry.path} was terminated`)
      entry.isChecked = true
      return
    case "Leaving":
      assert.include([200, 404], status)
      return
    case "Open":
    case "Complete": {
      assert.strictEqual(status, 200, `${entry.path} is lost`)
      if (!entry.isFinal || headers["upload-offset"] !== undefined) {
        tell(entry, Number(headers["upload-offset"]), entry.told)
      }
      if (entry.told === entry.content.length) {
        yield* isStored(directory, entry.path, entry.content)
        entry.isChecked = true
      }
    }
  }
})

/** Checks what was acknowledged since the last check. */
export const check = (port: number, directory: string, { entries }: UsageLedger) =>
  Effect.forEach(entries.filter(({ isChecked }) => !isChecked), (entry) => checkEntry(port, directory, entry), {
    discard: true
  })
