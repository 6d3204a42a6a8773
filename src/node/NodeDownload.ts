/**
 * The bytes of a download on their way to a Node response: as fast as the client takes them, no further.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ServerResponse } from "node:http"

/** The client has gone, or takes nothing any more. */
class Gone extends Data.TaggedError("Gone") {}

/**
 * Writes all of it. Where the content fails, or the client takes nothing for `idleMillis`, the connection is closed: less than was
 * announced is how a client is told. The head has been written before.
 */
export const pour = <E>(
  response: ServerResponse,
  content: Stream.Stream<Uint8Array, E>,
  idleMillis: number
): Effect.Effect<void, E> =>
  Stream.runForEach(content, (bytes) =>
    Effect.timeoutFail(write(response, bytes), {
      duration: idleMillis === 0 ? Duration.infinity : idleMillis,
      onTimeout: () => new Gone()
    })).pipe(
      Effect.zipRight(Effect.sync(() => response.end())),
      Effect.onError(() => Effect.sync(() => response.destroy())),
      Effect.catchIf((error) => error instanceof Gone, () => Effect.void)
    )

const write = (response: ServerResponse, bytes: Uint8Array) =>
  Effect.async<void, Gone>((resume) => {
    if (response.destroyed) {
      return resume(new Gone())
    }
    if (response.write(bytes)) {
      return resume(Effect.void)
    }
    const settle = (next: Effect.Effect<void, Gone>) => () => {
      response.off("drain", onDrain).off("close", onClose)
      resume(next)
    }
    const onDrain = settle(Effect.void)
    const onClose = settle(new Gone())
    response.once("drain", onDrain).once("close", onClose)
  })
