/**
 * Decides about a new upload: as the client asks for it, as the rules allow it, and as the hooks change it. Stores
 * nothing.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Create from "../../protocol/Create.js"
import type { Policy } from "../../protocol/Policy.js"
import { UploadNotFound } from "../../protocol/Refusal.js"
import * as Transfer from "../../protocol/Transfer.js"
import { UploadId } from "../../protocol/Upload.js"
import { UploadStore } from "../../store/UploadStore.js"
import * as Known from "../../time/Known.js"
import type { RawRequest } from "../../wire/Message.js"
import type { Exchange } from "../body/Exchange.js"
import { UploadIds } from "../hooks/UploadIds.js"
import { UploadUrls } from "../hooks/UploadUrls.js"
import type { HookRunner } from "./HookRunner.js"

/** An upload that is about to be created. */
export interface Proposal extends Create.Decision {
  /** The id comes from the application, so it may be in use. */
  readonly isIdGiven: boolean
  /** The upload is committed once, when its bytes are stored: until then nobody knows it. */
  readonly isSmall: boolean
  /** The bytes that the upload is to have in the end, infinite if the client does not say. */
  readonly wanted: number
}

/** A creation with a body of at most this many bytes is small. */
const smallBytes = 1024 * 1024

export const make = Effect.fnUntraced(function*(hooks: HookRunner) {
  const store = yield* UploadStore
  const ids = yield* UploadIds
  const urls = yield* UploadUrls

  /** The parts that a final names, in order. */
  const partsOf = ({ kind }: Create.Request, raw: RawRequest) =>
    kind._tag === "Final"
      ? Effect.flatMap(store.getAll(kind.parts.map(({ id }) => id)), (found) =>
        Effect.forEach(kind.parts, ({ id, url }, at) =>
          Effect.flatMap(
            Effect.mapError(found[at] ?? Option.none(), () =>
              new UploadNotFound({ id })),
            (upload) => Effect.as(hooks.admit("Concatenate", upload, url, raw), upload)
          )))
      : Exit.succeed([])

  const propose = (decision: Create.Decision, request: Create.Request, raw: RawRequest) =>
    Known.flatMap(hooks.authorize(decision.upload, raw), (admission) => {
      const owned = admission === undefined ? decision : Create.amend(decision, { owner: admission.owner })
      return Known.map(hooks.create(owned.upload, raw), (amendments) => {
        const amended = amendments === undefined ? owned : Create.amend(owned, amendments)
        return proposalOf(amended, request, amended.upload.id !== decision.upload.id)
      })
    })

  /** Goes on with `use`, which is not asked about a request that is refused. */
  return <A, E>(
    request: Create.Request,
    policy: Policy,
    { now, request: raw }: Exchange,
    use: (proposal: Proposal) => Effect.Effect<A, E>
  ) =>
    Known.flatMap(
      partsOf(request, raw),
      (parts) =>
        Known.flatMap(Exit.fromEither(Create.decide(request, { id: nobody, parts, now: now() }, policy)), (asked) =>
          Known.flatMap(ids.next, (id) => {
            const decision = Create.amend(asked, { id })
            const decided = urls.areSigned ? { ...decision, upload: decision.upload.withoutQueries() } : decision
            return Known.flatMap(propose(decided, request, raw), use)
          }))
    )
})

/** The id of an upload that may be refused yet. A refusal costs no id. */
const nobody = UploadId.make("0".repeat(32))

const proposalOf = (decision: Create.Decision, { contentLength }: Create.Request, isIdGiven: boolean): Proposal => {
  const { plan, upload } = decision
  return {
    ...decision,
    isIdGiven,
    isSmall: upload.isOpen && Option.isSome(plan) && Option.exists(contentLength, (size) => size <= smallBytes),
    wanted: Option.match(plan, {
      onNone: () => Option.getOrElse(upload.length, () => 0),
      onSome: (plan) => Transfer.wanted(plan, contentLength)
    })
  }
}
