/**
 * PATCH: appends the body of the request to an upload.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Append from "../../protocol/Append.js"
import { type Refusal, rejectionOf } from "../../protocol/Refusal.js"
import * as Transfer from "../../protocol/Transfer.js"
import type { Upload } from "../../protocol/Upload.js"
import { type Lease, UploadLock } from "../../store/UploadLock.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import * as Known from "../../time/Known.js"
import { unlimited } from "../body/Allowance.js"
import { UploadLimits } from "../hooks/UploadLimits.js"
import type { Concluded } from "./Concluded.js"
import * as HookRunner from "./HookRunner.js"
import * as Unlocked from "./Unlocked.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

export const make = Effect.fnUntraced(function*({ completion, hooks, receive }: Dependencies) {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const limits = yield* UploadLimits
  const admit = HookRunner.admitter(hooks, store)
  const refusalOf = Unlocked.make(store, lock)

  const append: Verb<CommandOf<"Append">> = ({ id, request }, { body, now }, policy) => {
    const decide = (upload: Upload) => Append.decide(upload, request, now(), policy)

    const received = (entry: StoredUpload, plan: Transfer.Plan, lease: Lease) =>
      isCounted(plan)
        ? receive(entry, plan, lease, body, unlimited, policy)
        : limits.growing(
          entry.upload,
          entry.upload,
          Transfer.wanted(plan, request.contentLength),
          (allowance) => receive(entry, plan, lease, body, allowance, policy)
        )

    return refusalOf(id, decide) ??
      lock.withLock(
        id,
        (lease) =>
          Known.flatMap(
            store.claim(id, lease.fence),
            (before) =>
              Known.flatMap(Exit.fromEither(decide(before.upload)), (plan) =>
                Known.flatMap(received(before, plan, lease), ({ entry, refusal }) => {
                  const isNews = before.upload.completion._tag !== "Complete" && !entry.upload.isOpen
                  return isNews
                    ? Known.flatMap(completion.follow(entry), (concluded) =>
                      answer(refusal, concluded))
                    : answer(refusal, { entry, addition: answerOf(entry.upload) })
                }))
          )
      )
  }

  const verb: Verb<CommandOf<"Append">> = (command, exchange, policy) =>
    Known.flatMap(admit("Append", command.id, exchange.request), () => append(command, exchange, policy))
  return verb
})

const answer = (refusal: Option.Option<Refusal>, { addition, entry: { upload } }: Concluded) =>
  Option.match(Option.orElse(refusal, () => rejectionOf(upload)), {
    onNone: () => Exit.succeed({ reply: Append.respond(upload), addition }),
    onSome: Exit.fail
  })

/** The stored final answer, which the client may have lost: it sends a PATCH without bytes to get it again. */
const answerOf = ({ completion }: Upload) =>
  completion._tag === "Complete" ? Option.getOrUndefined(completion.answer) : undefined

/** Whether the length of the upload is declared: then its space was checked and counted at that time. */
const isCounted = ({ upload }: Transfer.Plan) => !upload.isOpen || Option.isSome(upload.length)
