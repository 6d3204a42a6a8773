/**
 * The amount of work: little with `npm test`, all with `npm run test:chaos`, and a chosen amount with `CYCLES=50` and
 * the like.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { randomInt } from "node:crypto"

export const isLong = process.env.CHAOS === "long"

export const size = (name: string, short: number, long: number): number =>
  Number(process.env[name] ?? (isLong ? long : short))

/** A time limit that no test comes near, in milliseconds. */
const patience = isLong ? 3 * 60 * 60 * 1000 : 200_000

/** A little longer, for vitest, which cannot print the seed. */
export const limit = patience + 40_000

/** Runs a test with a new seed, or with `SEED`. A failure prints how to repeat it. */
export const seeded = <A, E, R>(file: string, test: (seed: number) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const seed = Number(process.env.SEED ?? randomInt(2 ** 31))
    const again = `${isLong ? "CHAOS=long " : ""}SEED=${seed} npx vitest run test/chaos/${file}.test.ts`
    return test(seed).pipe(
      Effect.timeoutFail({ duration: patience, onTimeout: () => new Error("it goes on for ever") }),
      Effect.catchAllCause((cause) =>
        Cause.isInterruptedOnly(cause)
          ? Effect.failCause(cause)
          : Effect.die(new Error(`again with: ${again}\n${Cause.pretty(cause)}`))
      )
    )
  })
