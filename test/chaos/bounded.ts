/**
 * Requests that are answered in time, or lose their server.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Answer, Request } from "../support/exchange.js"
import { ask } from "../support/raw.js"

/** The connection failed or ended before a complete answer. */
export class Gone extends Data.TaggedError("Gone")<{ readonly cause: unknown }> {}

export const exchange = (port: number, request: Request): Effect.Effect<Answer, Gone> =>
  Effect.tryPromise({
    try: (signal) => ask(port, signal)(request),
    catch: (cause) => new Gone({ cause })
  }).pipe(bounded(`an answer to ${describe(request)}`))

/** Fails if an answer takes longer than any server needs. */
export const bounded = (what: string) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    Effect.timeoutOption(self, "1 minute"),
    (result) => Option.isSome(result) ? Effect.succeed(result.value) : Effect.dieMessage(`waited for ${what} in vain`)
  )

export const describe = ({ body, headers, method, path }: Request) =>
  `${method} ${path} ${JSON.stringify(headers ?? {})} and ${body?.length ?? 0} bytes`
