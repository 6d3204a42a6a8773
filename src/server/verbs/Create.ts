/**
 * POST: creates an upload as the client and the application want it, and stores the bytes that come along.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Create from "../../protocol/Create.js"
import { rejectionOf } from "../../protocol/Refusal.js"
import * as Known from "../../time/Known.js"
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
  const store = yield* NewUpload.make(dependencies)

  const verb: Verb<CommandOf<"Create">> = ({ collection, request }, exchange, policy) =>
    propose(request, policy, exchange, (proposal) => {
      const { upload: { id } } = proposal
      const answer = ({ addition, entry: { upload } }: Concluded) =>
        Option.match(rejectionOf(upload), {
          onNone: () =>
            Known.map(urls.sign(id), (query) => ({
              reply: Create.respond(upload, collection, request, query),
              addition
            })),
          onSome: Exit.fail
        })
      return traced("Create", id, exchange.request, Known.suspend(() => store(proposal, exchange.body, policy, answer)))
    })
  return verb
})
