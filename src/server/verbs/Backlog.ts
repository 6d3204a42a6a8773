/**
 * Work that follows an answer: done in the background, some of it at a time, and bounded.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { finish } from "./Background.js"

export interface Options<A> {
  /** Never fails. */
  readonly act: (item: A) => Effect.Effect<void>
  /** How many are acted on at a time. */
  readonly atOnce: number
  /** The most items, and bytes of them, that are not done. */
  readonly limit: { readonly items: number; readonly bytes: number }
  /** Logged if the end of the scope has waited for ten seconds. */
  readonly leftBehind: (items: number) => string
}

export interface Backlog<A> {
  /** False at the end of the scope, too. */
  readonly hasRoom: () => boolean
  readonly add: (item: A, bytes: number) => void
}

/** Until the end of the scope, which waits for what was added before. */
export const make = <A>({ act, atOnce, leftBehind, limit }: Options<A>) =>
  Effect.gen(function*() {
    const waiting: Array<readonly [item: A, bytes: number]> = []
    const left = { items: 0, bytes: 0 }
    let working = 0
    let isClosed = false
    const workers = yield* FiberSet.make<void>()
    const run = yield* FiberSet.runtime(workers)<never>()

    const work: Effect.Effect<void> = Effect.suspend(() => {
      const next = waiting.shift()
      if (next === undefined) {
        working--
        return Effect.void
      }
      const [item, bytes] = next
      return Effect.flatMap(act(item), () => {
        left.items--
        left.bytes -= bytes
        return work
      })
    })

    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        isClosed = true
        return finish(FiberSet.awaitEmpty(workers), deadline, () => leftBehind(left.items))
      })
    )

    const backlog: Backlog<A> = {
      hasRoom: () => !isClosed && left.items < limit.items && left.bytes < limit.bytes,
      add: (item, bytes) => {
        left.items++
        left.bytes += bytes
        waiting.push([item, bytes])
        if (working < atOnce) {
          working++
          run(work)
        }
      }
    }
    return backlog
  })

const deadline: Duration.DurationInput = "10 seconds"
