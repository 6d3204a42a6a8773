/**
 * PATCH: appends the body of the request to an upload.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Append from "../../protocol/Append.js"
import { rejectionOf } from "../../protocol/Refusal.js"
import * as Transfer from "../../protocol/Transfer.js"
import type { Upload } from "../../protocol/Upload.js"
import { UploadLock } from "../../store/UploadLock.js"
import { UploadStore } from "../../store/UploadStore.js"
import * as Known from "../../time/Known.js"
import { unlimited } from "../body/Allowance.js"
import { UploadLimits } from "../hooks/UploadLimits.js"
import * as HookRunner from "./HookRunner.js"
import * as Unlocked from "./Unlocked.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

export const make = Effect.fnUntraced(function*({ completion, hooks, receive }: Dependencies) {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const limits = yield* UploadLimits
  const admit = HookRunner.admitter(hooks, store)
  const refusalOf = Unlocked.make(store, lock)

  const append: Verb<CommandOf<"Append">> = ({ id, request }, { body, now }, policy) =>
    refusalOf(id, (upload) => Append.decide(upload, request, now(), policy)) ??
      lock.withLock(id, (lease) =>
        Effect.gen(function*() {
          const entry = yield* store.claim(id, lease.fence)
          const plan = yield* Append.decide(entry.upload, request, now(), policy)
          const { entry: received, refusal } = yield* isCounted(plan)
            ? receive(entry, plan, lease, body, unlimited, policy)
            : limits.growing(
              entry.upload,
              entry.upload,
              Transfer.wanted(plan, request.contentLength),
              (allowance) => receive(entry, plan, lease, body, allowance, policy)
            )
          const isNews = entry.upload.completion._tag !== "Complete" && !received.upload.isOpen
          const { addition, entry: { upload } } = isNews
            ? yield* completion.follow(received)
            : { entry: received, addition: answerOf(received.upload) }
          const refused = Option.orElse(refusal, () => rejectionOf(upload))
          return Option.isSome(refused) ? yield* refused.value : { reply: Append.respond(upload), addition }
        }))

  const verb: Verb<CommandOf<"Append">> = (command, exchange, policy) =>
    Known.flatMap(admit("Append", command.id, exchange.request), () => append(command, exchange, policy))
  return verb
})

/** The stored final answer, which the client may have lost: it sends a PATCH without bytes to get it again. */
const answerOf = ({ completion }: Upload) =>
  completion._tag === "Complete" ? Option.getOrUndefined(completion.answer) : undefined

/** Whether the length of the upload is declared: then its space was checked and counted at that time. */
const isCounted = ({ upload }: Transfer.Plan) => !upload.isOpen || Option.isSome(upload.length)
