/**
 * A fair mutex. A turn is handed to the next in line: with a semaphore of Effect, a fiber that releases and takes again
 * overtakes the waiting ones, which then wait for ever.
 */
import * as Effect from "effect/Effect"

export type FairTurn = <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const make = (): FairTurn => {
  const waiting: Array<() => void> = []
  let isTaken = false

  const handOver = Effect.sync(() => {
    const next = waiting.shift()
    if (next === undefined) {
      isTaken = false
    } else {
      next()
    }
  })

  const take = Effect.async<void>((resume) => {
    if (!isTaken) {
      isTaken = true
      return resume(Effect.void)
    }
    const begin = () => resume(Effect.void)
    waiting.push(begin)
    // The interrupted fiber may have got the turn just before.
    return Effect.suspend(() => {
      const at = waiting.indexOf(begin)
      return at < 0 ? handOver : Effect.sync(() => waiting.splice(at, 1))
    })
  })

  return (work) =>
    Effect.uninterruptibleMask((restore) => Effect.zipRight(restore(take), Effect.ensuring(restore(work), handOver)))
}
