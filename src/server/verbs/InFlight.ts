/**
 * The requests that change something and are under way. A store must not close beneath them: at the end of the scope their
 * bodies are cut off, and what came of them is committed first.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { UploadBody } from "../body/UploadBody.js"

/** How long they may take for that, a hook that has begun among them. */
const deadline: Duration.DurationInput = "10 seconds"

export type Writing = <A, E, R>(body: UploadBody, request: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

export const make: Effect.Effect<Writing, never, Scope.Scope> = Effect.gen(function*() {
  const running = new Set<{ readonly body: UploadBody }>()
  const ended = yield* Deferred.make<void>()
  let ending = false

  const leave = () => {
    if (ending && running.size === 0) {
      Deferred.unsafeDone(ended, Effect.void)
    }
  }

  const end = Effect.suspend(() => {
    ending = true
    running.forEach(({ body }) => body.stop("Shutdown"))
    leave()
    return Effect.timeoutOption(Effect.interruptible(Deferred.await(ended)), deadline)
  })

  yield* Effect.addFinalizer(() =>
    Effect.flatMap(end, (done) =>
      Option.isSome(done)
        ? Effect.void
        : Effect.logWarning(`${running.size} requests that write did not end within ${Duration.format(deadline)}`))
  )

  return (body, request) =>
    Effect.suspend(() => {
      const entry = { body }
      running.add(entry)
      if (ending) {
        body.stop("Shutdown")
      }
      return Effect.ensuring(
        request,
        Effect.sync(() => {
          running.delete(entry)
          leave()
        })
      )
    })
})
