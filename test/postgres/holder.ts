/**
 * A process that takes the lock of an upload, says so, and holds it until it is asked to leave. Then it tries to write.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { grown, id, start } from "./servers.js"

const { lease, url } = JSON.parse(process.argv[2] ?? "") as { readonly url: string; readonly lease: "2 seconds" }

const say = (line: object) => Console.log(JSON.stringify(line))

/** What a write has come to. */
const outcome = <A, E extends { readonly _tag: string }>(exit: Exit.Exit<A, E>) =>
  Exit.match(exit, {
    onSuccess: () => "done",
    onFailure: (cause) => Option.getOrUndefined(Cause.failureOption(cause))?._tag ?? Cause.pretty(cause)
  })

Effect.gen(function*() {
  const { lock, registry } = yield* start(url, { lease })
  const upload = id(1)
  yield* lock.withLock(upload, ({ fence, onRequested }) =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      onRequested(() => Deferred.unsafeDone(asked, Effect.void))
      const entry = Option.getOrThrow(yield* registry.claim(upload, fence))
      yield* say({ fence })
      yield* Deferred.await(asked)
      const options = { fence, durable: true }
      const writes = [
        registry.commit(entry, grown(entry, 100), options),
        registry.remove(entry, options),
        registry.claim(upload, fence)
      ]
      yield* say({ writes: (yield* Effect.forEach(writes, (write) => Effect.exit(write))).map(outcome) })
    }))
  // It is as good as any other afterwards.
  yield* say({ next: yield* lock.withLock(upload, ({ fence }) => Effect.succeed(fence)) })
}).pipe(Effect.scoped, Effect.provide(Logger.remove(Logger.defaultLogger)), NodeRuntime.runMain)
