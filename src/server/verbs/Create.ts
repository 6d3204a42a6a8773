/**
 * POST: creates an upload as the client and the application want it, and stores the bytes that come along.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Create from "../../protocol/Create.js"
import type { Policy } from "../../protocol/Policy.js"
import { Denied, rejectionOf } from "../../protocol/Refusal.js"
import * as Transfer from "../../protocol/Transfer.js"
import type { Upload, UploadId } from "../../protocol/Upload.js"
import { type Lease, UploadLock } from "../../store/UploadLock.js"
import { draft } from "../../store/UploadRegistry.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { RawRequest } from "../../wire/Message.js"
import type { Allowance } from "../body/Allowance.js"
import { TusTracing } from "../hooks/TusTracing.js"
import { UploadEvents } from "../hooks/UploadEvents.js"
import { UploadIds } from "../hooks/UploadIds.js"
import { UploadLimits } from "../hooks/UploadLimits.js"
import { UploadUrls } from "../hooks/UploadUrls.js"
import type { Concluded } from "./Concluded.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

/**
 * A creation with a body of at most this many bytes is committed once, when the bytes are stored: until then nobody
 * knows the upload.
 */
const smallBytes = 1024 * 1024

export const make = Effect.fnUntraced(function*({ completion, hooks, receive }: Dependencies) {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const events = yield* UploadEvents
  const ids = yield* UploadIds
  const limits = yield* UploadLimits
  const urls = yield* UploadUrls
  const { traced } = yield* TusTracing

  /** The upload as the client asks for it, changed by the hooks. */
  const propose = Effect.fnUntraced(
    function*(request: Create.Request, policy: Policy, raw: RawRequest) {
      const parts: Array<Upload> = []
      for (const { id, url } of request.kind._tag === "Final" ? request.kind.parts : []) {
        const { upload } = yield* store.get(id)
        yield* hooks.admit("Concatenate", upload, url, raw)
        parts.push(upload)
      }
      const given = { id: yield* ids.next, parts, now: yield* DateTime.now }
      const asked = yield* Create.decide(request, given, policy)
      const decided = urls.areSigned ? { ...asked, upload: asked.upload.withoutQueries() } : asked
      const admission = yield* hooks.authorize(decided.upload, raw)
      const owned = admission === undefined ? decided : Create.amend(decided, { owner: admission.owner })
      const amendments = yield* hooks.create(owned.upload, raw)
      return { asked: decided.upload, ...(amendments === undefined ? owned : Create.amend(owned, amendments)) }
    }
  )

  /** An id from the application may be in use: then the request is refused, and that upload is not touched. */
  const withNewLock = <A, E>(id: UploadId, isGiven: boolean, use: (lease: Lease) => Effect.Effect<A, E>) =>
    isGiven
      ? Effect.flatMap(
        lock.withLockIfFree(id, (lease) =>
          store.get(id).pipe(
            Effect.as(Option.none<A>()),
            Effect.catchTag(
              "UploadNotFound",
              () =>
                Effect.flatMap(store.vacate(id), (isFree) => isFree ? Effect.asSome(use(lease)) : Effect.succeedNone)
            )
          )),
        (used) =>
          Effect.mapError(Option.flatten(used), () => new Denied({ status: 409, reason: `the id ${id} is taken` }))
      )
      : lock.withLock(id, use)

  const verb: Verb<CommandOf<"Create">> = Effect.fnUntraced(
    function*({ collection, request }, { body, request: raw }, policy) {
      const { asked, plan, upload } = yield* propose(request, policy, raw)
      const isSmall = upload.isOpen && Option.isSome(plan) &&
        Option.exists(request.contentLength, (size) => size <= smallBytes)
      const tell = events.publish({ _tag: "Created", upload })
      const wanted = Option.match(plan, {
        onNone: () => Option.getOrElse(upload.length, () => 0),
        onSome: (plan) => Transfer.wanted(plan, request.contentLength)
      })

      const answer = ({ addition, entry }: Concluded) =>
        Option.match(rejectionOf(entry.upload), {
          onNone: () =>
            Effect.map(urls.sign(upload.id), (query) => ({
              reply: Create.respond(entry.upload, collection, request, query),
              addition
            })),
          onSome: Effect.fail
        })

      const fill = Effect.fnUntraced(function*(lease: Lease, allowance: Allowance) {
        const entry = isSmall
          ? draft(upload, lease.fence)
          : yield* Effect.zipLeft(store.create(upload, lease.fence), tell)
        const { entry: received, refusal } = Option.isSome(plan)
          ? yield* receive(entry, plan.value, lease, body, allowance, policy)
          : { entry, refusal: Option.none() }
        // An interrupted body keeps the upload, and the client is told its offset. Any other refusal removes the
        // upload.
        if (Option.isSome(refusal) && refusal.value._tag !== "Interrupted") {
          return yield* refusal.value
        }
        const stored = received.version === 0
          ? yield* store.commit(received, received.upload, lease.fence)
          : received
        if (isSmall) {
          yield* tell
        }
        return yield* answer(yield* completion.follow(stored, lease))
      })

      /** The limits are checked again when the final is assembled: only then its length is known. */
      const join = (lease: Lease) =>
        limits.growing(upload, undefined, wanted, () => store.create(upload, lease.fence)).pipe(
          Effect.zipLeft(tell),
          Effect.flatMap((entry) => completion.assemble(entry, lease)),
          Effect.flatMap(answer)
        )

      const created = withNewLock(
        upload.id,
        upload.id !== asked.id,
        (lease) =>
          Effect.tapError(
            upload.isFinal
              ? join(lease)
              : limits.growing(upload, undefined, wanted, (allowance) => fill(lease, allowance)),
            () =>
              store.get(upload.id).pipe(
                Effect.catchTag("UploadNotFound", () => Effect.succeed(draft(upload, lease.fence))),
                Effect.flatMap((entry) => store.remove(entry, lease.fence)),
                Effect.ignore
              )
          )
      )
      return yield* traced("Create", upload.id, raw, created)
    }
  )
  return verb
})
