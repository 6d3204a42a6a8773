/**
 * The interpreter: asks the rules, performs the answer. Knows no HTTP.
 */
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Command } from "../protocol/Command.js"
import * as Create from "../protocol/Create.js"
import * as Extension from "../protocol/Extension.js"
import * as Head from "../protocol/Head.js"
import * as Options from "../protocol/Options.js"
import * as Patch from "../protocol/Patch.js"
import type { Policy } from "../protocol/Policy.js"
import { Contended, type Refusal, UploadRejected } from "../protocol/Refusal.js"
import type { Reply } from "../protocol/Reply.js"
import * as Terminate from "../protocol/Terminate.js"
import type { Upload, UploadId } from "../protocol/Upload.js"
import { Digests } from "../store/Digests.js"
import { UploadLock } from "../store/UploadLock.js"
import { draft } from "../store/UploadRegistry.js"
import { UploadStore } from "../store/UploadStore.js"
import type { Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import * as Completion from "./Completion.js"
import * as Receive from "./Receive.js"
import { TusPolicy } from "./TusPolicy.js"
import type { UploadBody } from "./UploadBody.js"
import { UploadEvents } from "./UploadEvents.js"
import { UploadHooks } from "./UploadHooks.js"
import { UploadIds } from "./UploadIds.js"
import * as Writing from "./Writing.js"

/**
 * An upload that comes along with its creation in no more bytes than this is stored once, when they are there: until then nobody
 * knows of it.
 */
const briefBytes = 1024 * 1024

/** What a door can do besides handing on a command and a body. */
export interface Door {
  /** It hands on the fields that follow a body. */
  readonly trailers: boolean
}

export class TusServer extends Context.Tag("effect-tus/TusServer")<TusServer, {
  /** Performs a command. A refusal is an answer; a store that failed is not, and has changed nothing that was told. */
  readonly handle: (
    command: Command,
    body: UploadBody,
    door: Door
  ) => Effect.Effect<Reply, Refusal | UploadStoreError>

  /** Does what the server itself has to do for an upload that waits for it, such as assembling a final. */
  readonly settle: (id: UploadId) => Effect.Effect<void, Refusal | UploadStoreError>
}>() {}

export const make = Effect.gen(function*() {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const events = yield* UploadEvents
  const ids = yield* UploadIds
  const policies = { withTrailers: yield* policyOf({ trailers: true }), without: yield* policyOf({ trailers: false }) }
  const offers = { withTrailers: Options.respond(policies.withTrailers), without: Options.respond(policies.without) }
  const completion = yield* Completion.make(policies.without)
  const receive = Receive.make({ store, digests: yield* Digests })

  const head = Effect.fnUntraced(function*(id: UploadId) {
    const { upload } = yield* store.get(id)
    const parts = upload.isOpen ? yield* completion.partsOf(upload) : []
    return yield* Head.decide(upload, parts, yield* DateTime.now)
  })

  const patch = (id: UploadId, request: Patch.Request, body: UploadBody, policy: Policy) =>
    lock.withLock(id, (lease) =>
      Effect.gen(function*() {
        const entry = yield* store.get(id)
        const plan = yield* Patch.decide(entry.upload, request, yield* DateTime.now, policy)
        const { entry: received, refusal } = yield* receive(entry, plan, lease, body, policy)
        const { upload } = yield* entry.upload.completion._tag === "Complete" || received.upload.isOpen
          ? Effect.succeed(received)
          : completion.follow(received, lease)
        return yield* Option.match(Option.orElse(refusal, () => rejectionOf(upload)), {
          onNone: () => Effect.succeed(Patch.respond(upload)),
          onSome: Effect.fail
        })
      }))

  const create = Effect.fnUntraced(
    function*(collection: string, request: Create.Request, body: UploadBody, policy: Policy) {
      const parts = yield* Effect.forEach(yield* Create.partsOf(request, collection), store.get)
      const given = { id: yield* ids.next, parts: parts.map(({ upload }) => upload), now: yield* DateTime.now }
      const { plan, upload } = yield* Create.decide(request, given, policy)
      const isBrief = upload.isOpen && Option.isSome(plan) &&
        Option.exists(request.contentLength, (size) => size <= briefBytes)
      const tell = events.publish({ _tag: "Created", upload })
      return yield* lock.withLock(upload.id, (lease) =>
        Effect.gen(function*() {
          const entry = isBrief
            ? draft(upload, lease.fence)
            : yield* Effect.zipLeft(store.create(upload, lease.fence), tell)
          const { entry: received, refusal } = Option.isSome(plan)
            ? yield* receive(entry, plan.value, lease, body, policy)
            : { entry, refusal: Option.none() }
          // Where the body was cut off the client is told how far it came; any other refusal leaves nothing behind.
          if (Option.isSome(refusal) && refusal.value._tag !== "Interrupted") {
            return yield* refusal.value
          }
          const stored = received.version === 0
            ? yield* store.commit(received, received.upload, lease.fence)
            : received
          if (isBrief) {
            yield* tell
          }
          const concluded = yield* upload.isFinal
            ? completion.assemble(stored, lease)
            : completion.follow(stored, lease)
          return yield* Option.match(rejectionOf(concluded.upload), {
            onNone: () => Effect.succeed(Create.respond(concluded.upload, collection, request)),
            onSome: Effect.fail
          })
        }).pipe(
          Effect.tapError(() =>
            store.get(upload.id).pipe(
              Effect.catchTag("UploadNotFound", () => Effect.succeed(draft(upload, lease.fence))),
              Effect.flatMap((entry) => store.remove(entry, lease.fence)),
              Effect.ignore
            )
          )
        ))
    }
  )

  const terminate = (id: UploadId) =>
    lock.withLock(id, ({ fence }) =>
      Effect.gen(function*() {
        const entry = yield* store.get(id)
        const upload = yield* Terminate.decide(entry.upload, yield* DateTime.now)
        yield* Effect.uninterruptible(store.remove(entry, fence))
        yield* events.publish({ _tag: "Terminated", upload })
        return new Terminate.Response()
      }))

  const settle = (id: UploadId) =>
    completion.settle(id).pipe(Effect.catchTags({ UploadNotFound: () => Effect.void, Superseded: () => Effect.void }))

  yield* Effect.forkScoped(
    store.unsettled.pipe(Stream.runForEach((id) => Effect.ignoreLogged(settle(id))), Effect.ignoreLogged)
  )

  const perform = (
    command: Command,
    body: UploadBody,
    { trailers }: Door
  ): Effect.Effect<Reply, Refusal | Superseded | UploadStoreError> => {
    const policy = trailers ? policies.withTrailers : policies.without
    switch (command._tag) {
      case "Options":
        return Effect.succeed(trailers ? offers.withTrailers : offers.without)
      case "Create":
        return create(command.collection, command.request, body, policy)
      case "Head":
        return head(command.id)
      case "Patch":
        return patch(command.id, command.request, body, policy)
      case "Terminate":
        return terminate(command.id)
    }
  }

  const writing = yield* Writing.make

  return TusServer.of({
    handle: (command, body, door) => {
      const performed = Effect.catchTag(perform(command, body, door), "Superseded", () => new Contended())
      return command._tag === "Options" || command._tag === "Head" ? performed : writing(body, performed)
    },
    settle
  })
})

/**
 * The server as a layer. When it is built it goes on with what an earlier process left half done, in the background. At its
 * end bodies under way are cut off and committed, whichever door they came through.
 */
export const layer: Layer.Layer<TusServer, never, UploadStore | UploadLock> = Layer.scoped(TusServer, make)

const policyOf = Effect.fnUntraced(function*({ trailers }: Door) {
  const options = yield* TusPolicy
  const digests = yield* Digests
  const hooks = yield* UploadHooks
  const expiresAfter = Option.map(Option.fromNullable(options.expiresAfter), Duration.decode)
  return {
    maxSize: Option.fromNullable(options.maxSize),
    maxMetadataSize: options.maxMetadataSize ?? 8192,
    expiresAfter,
    extensions: Extension.offeredBy({ expires: Option.isSome(expiresAfter), digests: digests.has("sha1"), trailers }),
    algorithms: Array.from(digests.keys()),
    finishes: hooks.onComplete !== undefined
  } satisfies Policy
})

const rejectionOf = ({ completion }: Upload): Option.Option<Refusal> =>
  completion._tag === "Rejected" ? Option.some(new UploadRejected(completion)) : Option.none()
