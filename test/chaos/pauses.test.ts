/**
 * The kernel of the simulation: a process that is paused does nothing, and does not notice.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import { Kernel, Process } from "./simulation/Kernel.js"

const setup = () => {
  const kernel = new Kernel()
  const process = new Process("server", kernel)
  const start = process.time
  const told: Array<string> = []
  const tell = (what: string) => Effect.sync(() => void told.push(`${what} at ${kernel.now}, ${process.time - start}`))
  const until = (time: number) => {
    kernel.scheduleAt(time, () => {})
    do {
      kernel.settle()
    } while (kernel.now < time && kernel.advance())
    kernel.settle()
  }
  return { kernel, process, told, tell, until }
}

describe("a process of the simulation", () => {
  it("sleeps longer by the time for which its clock stands", () => {
    const { process, tell, told, until } = setup()
    process.fork(Effect.zipRight(Effect.sleep(1000), tell("awake")), () => {})
    until(400)
    process.pause("stands")
    until(60_000)
    process.resume()
    until(70_000)
    deepStrictEqual(told, ["awake at 60600, 1000"])
  })

  it("sleeps no longer if its clock goes on, and wakes late", () => {
    const { process, tell, told, until } = setup()
    process.fork(Effect.zipRight(Effect.sleep(1000), tell("awake")), () => {})
    until(400)
    process.pause("goes on")
    until(60_000)
    process.resume()
    until(70_000)
    deepStrictEqual(told, ["awake at 60000, 60000"])
  })

  it("gets answers that came meanwhile at once when it goes on", () => {
    const { process, tell, told, until } = setup()
    process.fork(Effect.zipRight(process.wait(1000), tell("answered")), () => {})
    until(400)
    process.pause("stands")
    until(60_000)
    process.resume()
    until(60_001)
    deepStrictEqual(told, ["answered at 60000, 400"])
  })

  it("is paused between any two operations, also by one of its own", () => {
    const { process, tell, told, until } = setup()
    process.fork(
      Effect.zipRight(Effect.sync(() => process.pause("stands")), Effect.zipRight(tell("first"), tell("second"))),
      () => {}
    )
    until(5000)
    deepStrictEqual(told, [])
    process.resume()
    until(5001)
    deepStrictEqual(told, ["first at 5000, 0", "second at 5000, 0"])
  })

  it("fires no timer that was cancelled while it was paused", () => {
    const { process, told, until } = setup()
    const cancel = process.timer(1000, () => told.push("fired"))
    process.pause("stands")
    until(2000)
    cancel()
    process.resume()
    until(9000)
    assert.isEmpty(told)
  })
})
