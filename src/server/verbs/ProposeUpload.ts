/**
 * Decides about a new upload: as the client asks for it, as the rules allow it, and as the hooks change it. Stores
 * nothing.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Create from "../../protocol/Create.js"
import type { Policy } from "../../protocol/Policy.js"
import { UploadNotFound } from "../../protocol/Refusal.js"
import * as Transfer from "../../protocol/Transfer.js"
import type { Upload } from "../../protocol/Upload.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { RawRequest } from "../../wire/Message.js"
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

  return Effect.fnUntraced(function*(request: Create.Request, policy: Policy, raw: RawRequest) {
    const parts: Array<Upload> = []
    const named = request.kind._tag === "Final" ? request.kind.parts : []
    const found = named.length === 0 ? [] : yield* store.getAll(named.map(({ id }) => id))
    for (const [at, { id, url }] of named.entries()) {
      const upload = yield* Effect.mapError(found[at] ?? Option.none(), () => new UploadNotFound({ id }))
      yield* hooks.admit("Concatenate", upload, url, raw)
      parts.push(upload)
    }
    const given = { id: yield* ids.next, parts, now: yield* DateTime.now }
    const asked = yield* Create.decide(request, given, policy)
    const decided = urls.areSigned ? { ...asked, upload: asked.upload.withoutQueries() } : asked
    const admission = yield* hooks.authorize(decided.upload, raw)
    const owned = admission === undefined ? decided : Create.amend(decided, { owner: admission.owner })
    const amendments = yield* hooks.create(owned.upload, raw)
    const amended = amendments === undefined ? owned : Create.amend(owned, amendments)
    return proposalOf(amended, request, amended.upload.id !== given.id)
  })
})

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
