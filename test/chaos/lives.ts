/**
 * Runs one server after another on the same directory, and sends requests to whichever is alive.
 */
import type { NodeTusServer } from "effect-tus/node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import { example } from "../example.js"
import type { Answer, Request } from "../support/exchange.js"
import { describe, exchange, type Gone } from "./bounded.js"

interface Life {
  readonly port: number
  isOver: boolean
}

export const make = (directory: string) => {
  let current = Deferred.unsafeMake<Life>(FiberId.none)
  let broken = 0

  const open = (port: number) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        const life: Life = { port, isOver: false }
        return Effect.as(Deferred.succeed(current, life), life)
      }),
      (life) =>
        Effect.sync(() => {
          life.isOver = true
          current = Deferred.unsafeMake(FiberId.none)
        })
    )

  return {
    /** A server that is killed when the scope closes. Requests reach it after `before` has run. */
    live: (
      options: Pick<NodeTusServer.Options, "durability" | "smallUploads">,
      before: (port: number) => Effect.Effect<void>
    ) =>
      Effect.gen(function*() {
        const { output, url } = yield* example("../test/chaos/serving", {
          SERVING: JSON.stringify({ directory, port: 0, expiresAfter: "1 day", ...options })
        })
        const port = Number(new URL(url).port)
        yield* before(port)
        yield* open(port)
        return { output }
      }),
    /** Sends a request to the living server, or waits for one. Only the death of the server may leave it unanswered. */
    send: (message: Request): Effect.Effect<Answer, Gone> =>
      Effect.suspend(() => Deferred.await(current)).pipe(
        Effect.flatMap((life) =>
          Effect.catchAll(exchange(life.port, message), (gone) => {
            broken++
            return life.isOver ? gone : Effect.die(new Error(`${describe(message)} got no answer: ${gone.cause}`))
          })
        )
      ),
    /** The number of unanswered requests. */
    broken: () => broken
  }
}

export type Lives = ReturnType<typeof make>
