/**
 * The bytes of a download on their way to a Node response: as fast as the client takes them, no further.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { IncomingMessage, ServerResponse } from "node:http"
import { within } from "../server/UploadBody.js"
import * as NodeRequest from "./NodeRequest.js"

/** The client has gone, or takes nothing any more. */
class Gone extends Data.TaggedError("Gone") {}

/**
 * Writes all of it. Where the content fails, or the client takes nothing for `idleMillis`, the connection is closed: less than was
 * announced is how a client is told. The head has been written before.
 */
export const pour = <E>(
  request: IncomingMessage,
  response: ServerResponse,
  content: Stream.Stream<Uint8Array, E>,
  idleMillis: number
): Effect.Effect<void, E> =>
  Stream.runForEach(
    content,
    (bytes) =>
      within(write(request, response, bytes), idleMillis === 0 ? Duration.infinity : idleMillis, () => new Gone())
  ).pipe(
    Effect.zipRight(Effect.sync(() => NodeRequest.end(request, response, undefined, idleMillis))),
    Effect.onError(() => Effect.sync(() => NodeRequest.abort(request, response))),
    Effect.catchIf((error) => error instanceof Gone, () => Effect.void)
  )

const write = (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array) =>
  Effect.async<void, Gone>((resume) => {
    if (NodeRequest.isGone(request, response)) {
      return resume(new Gone())
    }
    if (response.write(bytes)) {
      return resume(Effect.void)
    }
    const settle = (next: Effect.Effect<void, Gone>) => () => {
      stop()
      resume(next)
    }
    const stop = NodeRequest.listen(request, response, {
      drain: settle(Effect.void),
      close: settle(new Gone())
    })
    return Effect.sync(stop)
  })
