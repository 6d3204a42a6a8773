/**
 * POST: creates an upload as the client and the application want it, and stores the bytes that come along.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Create from "../../protocol/Create.js"
import { rejectionOf } from "../../protocol/Refusal.js"
import { TusTracing } from "../hooks/TusTracing.js"
import { UploadUrls } from "../hooks/UploadUrls.js"
import type { Concluded } from "./Concluded.js"
import * as NewUpload from "./NewUpload.js"
import * as ProposeUpload from "./ProposeUpload.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

export const make = Effect.fnUntraced(function*(dependencies: Dependencies) {
  const urls = yield* UploadUrls
  const { traced } = yield* TusTracing
  const propose = yield* ProposeUpload.make(dependencies.hooks)
  const { fill, join, undo, withLock } = yield* NewUpload.make(dependencies)

  const verb: Verb<CommandOf<"Create">> = Effect.fnUntraced(
    function*({ collection, request }, { body, request: raw }, policy) {
      const proposal = yield* propose(request, policy, raw)
      const { upload } = proposal

      const answer = ({ addition, entry }: Concluded) =>
        Option.match(rejectionOf(entry.upload), {
          onNone: () =>
            Effect.map(urls.sign(upload.id), (query) => ({
              reply: Create.respond(entry.upload, collection, request, query),
              addition
            })),
          onSome: Effect.fail
        })

      const created = withLock(proposal, (lease) =>
        Effect.flatMap(
          upload.isFinal ? join(proposal, lease) : fill(proposal, lease, body, policy),
          answer
        ).pipe(Effect.tapError(() => undo(proposal, lease))))
      return yield* traced("Create", upload.id, raw, created)
    }
  )
  return verb
})
