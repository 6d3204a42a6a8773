/**
 * Effects that are made before they run, and run in another order. Until an effect runs it must do nothing, because its
 * fiber may be interrupted before, or do something else first.
 */
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"

/** Something to do, and how many others are made before it runs. */
export interface Delayed {
  readonly waits: number
}

export const anyWait: FastCheck.Arbitrary<number> = FastCheck.integer({ min: 0, max: 4 })

/** Makes the effect of each step in their order, and runs each as late as its step says. */
export const run = Effect.fnUntraced(function*<A extends Delayed, E, R>(
  steps: ReadonlyArray<A>,
  make: (step: A, nth: number) => Effect.Effect<void, E, R>
) {
  const due = new Map<number, Array<Effect.Effect<void, E, R>>>()
  for (let made = 0; made < steps.length || due.size > 0; made++) {
    const step = steps[made]
    if (step !== undefined) {
      const at = made + step.waits
      due.set(at, [...(due.get(at) ?? []), make(step, made)])
    }
    yield* Effect.all(due.get(made) ?? [], { discard: true })
    due.delete(made)
  }
})
