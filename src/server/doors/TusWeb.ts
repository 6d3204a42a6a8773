/**
 * The door for platforms with `Request` and `Response`. A `Request` has no trailers, so this door does not offer
 * `checksum-trailer`.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as UploadBody from "../body/UploadBody.js"
import type { TusServer } from "../TusServer.js"
import * as TusDoor from "./TusDoor.js"

/** The path of the collection, and how long a body may be silent. Limits for clients are in `TusPolicy`. */
export interface Options extends TusDoor.Options, UploadBody.Options {}

/**
 * A handler that runs in the runtime in which it is made.
 *
 * @example
 * ```ts
 * import { ManagedRuntime } from "effect"
 * import { EmbeddedServer } from "effect-tus/node"
 * import { TusWeb } from "effect-tus/server"
 *
 * const tus = ManagedRuntime.make(EmbeddedServer.layer({ directory: "./uploads" }))
 * const uploads = await tus.runPromise(TusWeb.make({ path: "/files" }))
 *
 * export default { fetch: (request: Request) => uploads(request) }
 * ```
 */
export const make = (
  options: Options = {}
): Effect.Effect<(request: Request) => Promise<Response>, never, TusServer> =>
  Effect.zipWith(Effect.runtime(), TusDoor.make({ path: options.path }), (runtime, respond) => {
    const runPromise = Runtime.runPromise(runtime)
    const runFork = Runtime.runFork(runtime)
    return async (request) => {
      const body = bodyOf(request, options)
      const raw = { method: request.method, url: request.url, headers: Object.fromEntries(request.headers) }
      request.signal.addEventListener("abort", () => body.stop("Disconnected"), { once: true })
      const response = await runPromise(respond({ request: raw, body, trailers: false }))
      runFork(body.rest)
      return toResponse(response)
    }
  })

const bodyOf = (request: Request, options: Options) => {
  if (UploadBody.isConsumed(request)) {
    return { ...UploadBody.consumed, rest: Effect.void }
  }
  const reader = request.body?.getReader()
  return UploadBody.fromPull(
    reader === undefined
      ? Effect.fail(Option.none())
      : Effect.tryPromise({ try: () => reader.read(), catch: Option.some }).pipe(
        Effect.flatMap(({ done, value }) => (done ? Effect.fail(Option.none()) : Effect.succeed(Chunk.of(value))))
      ),
    options
  )
}

const toResponse = ({ body, content, headers, status }: TusDoor.Response) =>
  new Response(content === undefined ? body ?? null : Stream.toReadableStream(content), { status, headers })
