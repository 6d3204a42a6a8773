/**
 * Calls of servers to what they share. A call travels, takes effect there whatever happens to its caller meanwhile, and
 * its result travels back. The caller does not always learn whether it took effect.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import type { Exchange } from "../Connection.js"
import type { Process } from "../Kernel.js"
import { onBehalfOf, origin } from "../Network.js"
import type { Step, World } from "../World.js"

/** There is no result. */
export class Unanswered extends Error {
  readonly _tag = "Unanswered"
  readonly mayHaveHappened: boolean

  constructor(what: string, mayHaveHappened: boolean) {
    super(`simulated: ${what}`)
    this.mayHaveHappened = mayHaveHappened
  }
}

/**
 * How long a caller waits, in milliseconds: longer than a lease. What arrives later is refused there, so a call that
 * was given up takes effect no more.
 */
const patience = 30_000

/** @param isIdle - whether the caller has nothing to lose: then nothing fails. */
export const call = <A, E>(
  world: World,
  process: Process,
  what: string,
  act: () => Exit.Exit<A, E>,
  isIdle = false
): Effect.Effect<A, E | Unanswered> =>
  Effect.flatMap(FiberRef.get(origin), (exchange) =>
    Effect.suspend(() => {
      const step = isIdle ? world.quietly() : world.step("call", () => what)
      // A process that this step has paused goes no further than here.
      return Effect.zipRight(
        Effect.void,
        process.alive ? travel({ world, process, what, exchange, isIdle }, step, act) : Effect.never
      )
    }))

interface Call {
  readonly world: World
  readonly process: Process
  readonly what: string
  readonly exchange: Exchange | undefined
  readonly isIdle: boolean
}

const travel = <A, E>(
  { exchange, isIdle, process, what, world }: Call,
  { dice, fault }: Step,
  act: () => Exit.Exit<A, E>
) =>
  Effect.async<A, E | Unanswered>((resume) => {
    const { kernel } = world
    const since = kernel.now
    const giveUp = process.timer(patience, () => {
      world.trouble()
      resume(Effect.fail(new Unanswered(what, true)))
    })
    const answer = (result: Effect.Effect<A, E | Unanswered>, delay: number) =>
      kernel.schedule(delay, () => {
        if (process.alive) {
          giveUp()
          resume(result)
        }
      })
    const fail = (mayHaveHappened: boolean, delay: number) => {
      world.trouble()
      answer(Effect.fail(new Unanswered(what, mayHaveHappened)), delay)
    }
    if (fault === "refused call") {
      return fail(false, dice.between(0.1, 1))
    }
    if (fault === "lost call") {
      return fail(true, dice.between(1, 20_000))
    }
    kernel.schedule(fault === "late call" ? dice.between(500, 60_000) : dice.between(0.1, 1), () => {
      if (kernel.now - since > patience) {
        return
      }
      const result = onBehalfOf(exchange, act)
      if (!isIdle) {
        kernel.within(process, () => world.step("result", () => what))
      }
      if (fault === "lost result") {
        fail(true, dice.between(1, 20_000))
      } else {
        answer(result, fault === "late result" ? dice.between(500, 60_000) : dice.between(0.1, 1))
      }
    })
  })
