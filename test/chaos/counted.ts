/**
 * A server process with counts of its contents, for the scope.
 */
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { child } from "../child.js"
import type { Counts, Told } from "./counting.js"

const isGreeting = (message: unknown) => /^effect-tus listens at \S+$/.test(String(message))

export const counted = (directory: string) =>
  Effect.gen(function*() {
    const told: Told = { directory }
    const { lines, process, says } = yield* child("chaos/counting", told, ["--expose-gc"])
    const { port } = yield* Effect.promise(() => says(({ port }) => port !== undefined))
    let asked = 0

    const counts = Effect.promise(async () => {
      const before = asked++
      process.kill("SIGUSR2")
      for (;;) {
        const answers = lines().filter(({ counts }) => counts !== undefined)
        const answer = answers[before]
        if (answer !== undefined) {
          return answer.counts as Counts
        }
        await says(() => lines().filter(({ counts }) => counts !== undefined).length > before)
      }
    })

    /** The counts of an idle server: two equal counts in a row, so nothing is about to be closed. */
    const atRest: Effect.Effect<Counts> = Effect.flatMap(counts, (before) =>
      Effect.flatMap(Effect.delay(counts, "500 millis"), (after) =>
        after.descriptors === before.descriptors && after.fibers === before.fibers ? Effect.succeed(after) : atRest))

    return {
      port: Number(port),
      process,
      counts,
      atRest,
      /** Waits until the counts satisfy the condition: resources of a closed connection are released a moment later. */
      countsWhen: (is: (counts: Counts) => boolean) =>
        counts.pipe(
          Effect.delay("50 millis"),
          Effect.repeat({ until: is }),
          Effect.timeoutOption("20 seconds"),
          Effect.flatMap(Option.match({
            onNone: () =>
              counts,
            onSome: Effect.succeed
          }))
        ),
      /** The server has logged nothing but its address, and is alive. */
      isWell: Effect.sync(() => {
        const told = lines().filter(({ level, message }) =>
          level !== undefined && !isGreeting(message)
        )
        deepStrictEqual(told, [])
        assert.isNull(process.exitCode)
        assert.isNull(process.signalCode)
      })
    }
  })
