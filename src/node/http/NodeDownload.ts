/**
 * The bytes of a download on their way to a Node response: as fast as the client takes them, no further.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as NodeRequest from "./NodeRequest.js"

/** The client has gone, or has taken nothing for too long. */
class Gone extends Data.TaggedError("Gone") {}

/**
 * Writes all of it. Where the content fails, or the client takes nothing for `idleMillis`, the connection is closed:
 * less than was announced is how a client is told. The head has been written before.
 */
export const pipe = <E>(
  request: IncomingMessage,
  response: ServerResponse,
  content: Stream.Stream<Uint8Array, E>,
  idleMillis: number
): Effect.Effect<void, E> =>
  Effect.sync(() => NodeRequest.expectTaken(request, response, idleMillis)).pipe(
    Effect.zipRight(Stream.runForEach(content, (bytes) => writeAll(request, response, bytes))),
    Effect.zipRight(Effect.sync(() => response.end())),
    Effect.onError(() => Effect.sync(() => NodeRequest.abort(request, response))),
    Effect.catchIf((error) => error instanceof Gone, () => Effect.void)
  )

/**
 * What is written at a time. Over TLS nobody tells how much of it has been taken: who takes all of it in time goes on,
 * be it slowly, whatever the store reads at a time.
 */
const pieceSize = 64 * 1024

const writeAll = (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array): Effect.Effect<void, Gone> =>
  bytes.length <= pieceSize
    ? write(request, response, bytes)
    : Effect.flatMap(
      write(request, response, bytes.subarray(0, pieceSize)),
      () => writeAll(request, response, bytes.subarray(pieceSize))
    )

const write = (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array) =>
  Effect.async<void, Gone>((resume) => {
    if (NodeRequest.isGone(request, response)) {
      return resume(new Gone())
    }
    if (response.write(bytes)) {
      return resume(Effect.void)
    }
    const finish = (next: Effect.Effect<void, Gone>) => () => {
      stop()
      resume(next)
    }
    const stop = NodeRequest.listen(request, response, {
      drain: finish(Effect.void),
      close: finish(new Gone())
    })
    return Effect.sync(stop)
  })
