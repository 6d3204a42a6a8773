/**
 * Writes a download to a Node response, as fast as the client reads it.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { IncomingMessage, ServerResponse } from "node:http"
import * as NodeRequest from "./NodeRequest.js"

/** The client has gone, or has taken nothing for too long. */
class Gone extends Data.TaggedError("Gone") {}

/**
 * Writes all bytes after the headers. If the content fails, or the client takes nothing for `idleMillis`, the
 * connection is closed: a client recognizes a failure by too few bytes.
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
 * The bytes of one write. Over TLS Node does not report how much of a write was taken, only when all of it was. So a
 * slow client needs small writes to be seen as making progress.
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
