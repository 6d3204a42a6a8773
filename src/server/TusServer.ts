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
import { HashFunctions } from "../bytes/HashFunctions.js"
import * as Append from "../protocol/Append.js"
import { type Command, type RawRequest, takesBody } from "../protocol/Command.js"
import * as Discovery from "../protocol/Discovery.js"
import * as Download from "../protocol/Download.js"
import * as Extension from "../protocol/Extension.js"
import * as Inspect from "../protocol/Inspect.js"
import type { Policy } from "../protocol/Policy.js"
import { Contended, type Refusal, rejectionOf } from "../protocol/Refusal.js"
import type { Answer } from "../protocol/Reply.js"
import * as Terminate from "../protocol/Terminate.js"
import * as Transfer from "../protocol/Transfer.js"
import type { UploadId } from "../protocol/Upload.js"
import { UploadLock } from "../store/UploadLock.js"
import { UploadStore } from "../store/UploadStore.js"
import type { Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import { unlimited } from "./body/Allowance.js"
import type { UploadBody } from "./body/UploadBody.js"
import { TusTracing } from "./hooks/TusTracing.js"
import { UploadEvents } from "./hooks/UploadEvents.js"
import { UploadLimits } from "./hooks/UploadLimits.js"
import { UploadUrls } from "./hooks/UploadUrls.js"
import * as TusPolicy from "./policy/TusPolicy.js"
import { quietly } from "./verbs/Background.js"
import * as CompleteUpload from "./verbs/CompleteUpload.js"
import * as Create from "./verbs/Create.js"
import * as HookRunner from "./verbs/HookRunner.js"
import * as InFlight from "./verbs/InFlight.js"
import * as ReceiveBody from "./verbs/ReceiveBody.js"
import * as Termination from "./verbs/Terminate.js"

/** What a door can do besides handing on a command and a body. */
export interface Door {
  /** It hands on the fields that follow a body. */
  readonly trailers: boolean
}

/** The answer to a command that was performed, and of a download the bytes that follow it. */
export interface Answered extends Answer {
  /** The bytes of a download, of which the first have been read. A store that fails on the way ends them short of what was said. */
  readonly content?: Stream.Stream<Uint8Array, UploadStoreError> | undefined
}

/** What doors hand their commands to; it is the same for all of them. */
export class TusServer extends Context.Tag("effect-tus/TusServer")<TusServer, {
  /**
   * Performs a command, which was read from `request`. A refusal is an answer; a store that failed is not, and has changed
   * nothing that was told.
   */
  readonly handle: (
    command: Command,
    request: RawRequest,
    body: UploadBody,
    door: Door
  ) => Effect.Effect<Answered, Refusal | UploadStoreError>

  /** Does what the server itself has to do for an upload that waits for it, such as assembling a final. */
  readonly settle: (id: UploadId) => Effect.Effect<void, Refusal | UploadStoreError>
}>() {}

/**
 * Over the store and the lock that are provided, with the policy, hooks, limits, events, digests, ids, URLs and tracing that
 * are there when it is made. Lives as long as its scope: at its end, 10 seconds are given to what writes.
 */
export const make = Effect.gen(function*() {
  const store = yield* UploadStore
  const lock = yield* UploadLock
  const events = yield* UploadEvents
  const limits = yield* UploadLimits
  const urls = yield* UploadUrls
  const { traced } = yield* TusTracing
  const application = yield* HookRunner.make
  const policies = {
    withTrailers: yield* policyOf({ trailers: true }, application),
    without: yield* policyOf({ trailers: false }, application)
  }
  const offers = {
    withTrailers: { reply: Discovery.respond(policies.withTrailers) },
    without: { reply: Discovery.respond(policies.without) }
  }
  const writing = yield* InFlight.make
  // It ends before that: what it assembles stops, and the requests that wait for that are answered.
  const completion = yield* CompleteUpload.make(policies.without, application)
  const receive = ReceiveBody.make({
    store,
    digests: yield* HashFunctions,
    tell: (upload) => events.publish({ _tag: "Progress", upload })
  })
  const terminate = yield* Termination.make(application)
  const create = yield* Create.make({ application, completion, receive })

  /** Asks the application before anybody who holds the lock is disturbed. */
  const admit = (intent: "Append" | "Terminate", id: UploadId, request: RawRequest) =>
    application.admits
      ? Effect.flatMap(store.get(id), ({ upload }) => application.admit(intent, upload, request.url, request))
      : Effect.void

  const head = Effect.fnUntraced(function*(id: UploadId, raw: RawRequest) {
    const { upload } = yield* store.get(id)
    if (application.admits) {
      yield* application.admit("Inspect", upload, raw.url, raw)
    }
    const parts = upload.isOpen ? yield* completion.partsOf(upload) : []
    const shown = urls.areSigned ? upload.withoutQueries() : upload
    const reply = yield* Inspect.decide(shown, parts, yield* DateTime.now)
    const denial = completion.denialOf(upload)
    return Option.isSome(denial) ? yield* denial.value : { reply }
  })

  const download = Effect.fnUntraced(function*(id: UploadId, request: Download.Request, raw: RawRequest) {
    const { upload } = yield* store.get(id)
    yield* application.admit("Download", upload, raw.url, raw)
    const { response, slice } = yield* Download.decide(upload, request, yield* DateTime.now)
    return Option.isNone(slice) ? { reply: response } : { reply: response, content: yield* begun(id, slice.value) }
  })

  /** What cannot be read is known before the answer begins: the first bytes are here by then, and no descriptor waits for the client. */
  const begun = (id: UploadId, { end, start }: Download.Slice) =>
    Effect.map(
      Stream.runHead(store.read(id, { start, end })),
      Option.match({
        onNone: () => Stream.empty,
        onSome: (first) => {
          const next = start + first.length
          return next < end
            ? Stream.concat(Stream.make(first), store.read(id, { start: next, end }))
            : Stream.make(first)
        }
      })
    )

  const patch = (id: UploadId, request: Append.Request, body: UploadBody, policy: Policy) =>
    lock.withLock(id, (lease) =>
      Effect.gen(function*() {
        const entry = yield* store.get(id)
        const plan = yield* Append.decide(entry.upload, request, yield* DateTime.now, policy)
        const { entry: received, refusal } = yield* isCounted(plan)
          ? receive(entry, plan, lease, body, unlimited, policy)
          : limits.growing(entry.upload, entry.upload, Transfer.wanted(plan, request.contentLength), (allowance) =>
            receive(entry, plan, lease, body, allowance, policy))
        const isNews = entry.upload.completion._tag !== "Complete" && !received.upload.isOpen
        const concluded: CompleteUpload.Concluded = isNews
          ? yield* completion.follow(received, lease)
          : { entry: received }
        const { addition, entry: { upload } } = concluded
        const refused = Option.orElse(refusal, () =>
          rejectionOf(upload))
        return Option.isSome(refused) ? yield* refused.value : { reply: Append.respond(upload), addition }
      }))

  const settle = (id: UploadId) =>
    completion.settle(id).pipe(Effect.catchTags({ UploadNotFound: () => Effect.void, Superseded: () => Effect.void }))

  yield* Effect.forkScoped(
    store.unsettled.pipe(Stream.runForEach((id) => quietly(settle(id))), Effect.ignoreLogged)
  )

  const perform = (
    command: Command,
    request: RawRequest,
    body: UploadBody,
    { trailers }: Door
  ): Effect.Effect<Answered, Refusal | Superseded | UploadStoreError> => {
    const policy = trailers ? policies.withTrailers : policies.without
    switch (command._tag) {
      case "Discover":
        return Effect.succeed(trailers ? offers.withTrailers : offers.without)
      case "Create":
        return create(command.collection, command.request, body, policy, request)
      case "Download":
        return traced("Download", command.id, request, download(command.id, command.request, request))
      case "Inspect":
        return traced("Inspect", command.id, request, head(command.id, request))
      case "Append":
        return traced(
          "Append",
          command.id,
          request,
          Effect.zipRight(admit("Append", command.id, request), patch(command.id, command.request, body, policy))
        )
      case "Terminate":
        return traced(
          "Terminate",
          command.id,
          request,
          admit("Terminate", command.id, request).pipe(
            Effect.zipRight(terminate(command.id)),
            Effect.as({ reply: new Terminate.Response() })
          )
        )
    }
  }

  return TusServer.of({
    handle: (command, request, body, door) => {
      const performed = (body: UploadBody) =>
        Effect.catchTag(perform(command, request, body, door), "Superseded", () => new Contended())
      return takesBody(command)
        ? limits.taking(body, (body) => writing(body, performed(body)))
        : command._tag === "Create" || command._tag === "Terminate"
        ? writing(body, performed(body))
        : performed(body)
    },
    settle
  })
})

/**
 * The server as a layer. When it is built it goes on with what an earlier process left half done, in the background. At its
 * end bodies under way are cut off and committed, whichever door they came through.
 */
export const layer: Layer.Layer<TusServer, never, UploadStore | UploadLock> = Layer.scoped(TusServer, make)

/** An upload that has announced its length takes no more than was held and counted when it did. */
const isCounted = ({ upload }: Transfer.Plan) => !upload.isOpen || Option.isSome(upload.length)

const policyOf = Effect.fnUntraced(function*({ trailers }: Door, { completes }: HookRunner.Application) {
  const options = yield* Effect.orDie(TusPolicy.check(yield* TusPolicy.TusPolicy))
  const digests = yield* HashFunctions
  const expiresAfter = Option.map(Option.fromNullable(options.expiresAfter), Duration.decode)
  return {
    maxSize: Option.fromNullable(options.maxSize),
    maxMetadataSize: options.maxMetadataSize ?? 8192,
    expiresAfter,
    extensions: Extension.offeredBy({ expires: Option.isSome(expiresAfter), digests: digests.has("sha1"), trailers }),
    algorithms: Array.from(digests.keys()),
    finishes: completes
  } satisfies Policy
})
