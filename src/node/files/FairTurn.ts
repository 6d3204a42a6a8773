/**
 * One at a time, in the order of arrival. The turn is handed over: with a semaphore of Effect whoever gives it back and
 * asks again is faster than those that wait, who then wait for ever.
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
    // Whoever is interrupted may have been given the turn just before.
    return Effect.suspend(() => {
      const at = waiting.indexOf(begin)
      return at < 0 ? handOver : Effect.sync(() => waiting.splice(at, 1))
    })
  })

  return (work) =>
    Effect.uninterruptibleMask((restore) => Effect.zipRight(restore(take), Effect.ensuring(restore(work), handOver)))
}
