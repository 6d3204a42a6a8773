/**
 * The interpreter: performs each command by its verb. Knows no HTTP.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { HashFunctions } from "../bytes/HashFunctions.js"
import { type Command, takesBody } from "../protocol/Command.js"
import type { Policy } from "../protocol/Policy.js"
import { Contended, type Refusal, type UploadNotFound } from "../protocol/Refusal.js"
import type { UploadId } from "../protocol/Upload.js"
import type { UploadLock } from "../store/UploadLock.js"
import { UploadStore } from "../store/UploadStore.js"
import type { Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import * as Known from "../time/Known.js"
import type { Exchange } from "./body/Exchange.js"
import * as InFlight from "./body/InFlight.js"
import { TusTracing } from "./hooks/TusTracing.js"
import { UploadEvents } from "./hooks/UploadEvents.js"
import { UploadLimits } from "./hooks/UploadLimits.js"
import * as TusPolicy from "./policy/TusPolicy.js"
import * as Append from "./verbs/Append.js"
import { each, finish } from "./verbs/Background.js"
import * as CompleteUpload from "./verbs/CompleteUpload.js"
import * as Create from "./verbs/Create.js"
import * as Download from "./verbs/Download.js"
import * as HookRunner from "./verbs/HookRunner.js"
import * as Inspect from "./verbs/Inspect.js"
import * as ReceiveBody from "./verbs/ReceiveBody.js"
import * as RunningBodies from "./verbs/RunningBodies.js"
import * as Terminate from "./verbs/Terminate.js"
import { type Performed, spanned } from "./verbs/Verb.js"

/** Performs the commands of all doors. */
export class TusServer extends Context.Tag("effect-tus/TusServer")<TusServer, {
  /**
   * Performs a command that was decoded from the request of the exchange. A refusal is an answer. A store that failed
   * is not: it has changed nothing that a client was told. An answer that is known at once is an `Exit`. The answer may
   * be that of the call: run it once, and at once.
   */
  readonly handle: (command: Command, exchange: Exchange) => Effect.Effect<Performed, Refusal | UploadStoreError>

  /**
   * Where doors enter each request, from its head until its answer is sent. The end of the server waits for them, for
   * 10 seconds.
   */
  readonly inFlight: InFlight.InFlight

  /** Does what the server itself has to do for an upload that waits for it, such as assembling a final. */
  readonly finishPending: (id: UploadId) => Effect.Effect<void, Refusal | UploadStoreError>

  /**
   * The location of the bytes of an upload, for people, such as the path of its file; `Option.none` if they have none.
   * If its file has yet to be written in the background, it is written first.
   */
  readonly locate: (id: UploadId) => Effect.Effect<Option.Option<string>, UploadNotFound | UploadStoreError>
}>() {}

/**
 * Uses the provided store and lock, with the policy, hooks, limits, events, hash functions, ids, URLs and tracing of
 * the context. Lives as long as its scope: at its end, requests in flight get 10 seconds to commit.
 */
export const make = Effect.gen(function*() {
  const store = yield* UploadStore
  const events = yield* UploadEvents
  const limits = yield* UploadLimits
  const hooks = yield* HookRunner.make
  const withTrailers = yield* termsOf(store.readsUnfinished, hooks, store)
  const withoutTrailers = yield* termsOf(false, hooks, store)
  const tracing = yield* TusTracing
  const inFlight = yield* Effect.acquireRelease(Effect.sync(InFlight.make), end)
  // Its scope ends before that of `inFlight`: assembling stops, and the requests that wait for it are answered.
  const completion = yield* CompleteUpload.make(withoutTrailers.policy, hooks)
  const running = RunningBodies.make()
  const receive = ReceiveBody.make({
    clock: yield* Effect.clock,
    store,
    running,
    digests: yield* HashFunctions,
    tell: (upload) => events.publish({ _tag: "Progress", upload })
  })
  const dependencies = { completion, hooks, receive, running }
  const append = spanned(tracing, yield* Append.make(dependencies))
  const create = yield* Create.make(dependencies)
  const download = spanned(tracing, yield* Download.make(dependencies))
  const inspect = spanned(tracing, yield* Inspect.make(dependencies))
  const terminate = spanned(tracing, yield* Terminate.make(dependencies))

  const finishPending = (id: UploadId) =>
    completion.finishPending(id).pipe(
      Effect.catchTags({ UploadNotFound: () => Effect.void, Superseded: () => Effect.void })
    )

  yield* Effect.forkScoped(each(store.pending, finishPending))

  const perform = (
    command: Command,
    exchange: Exchange
  ): Effect.Effect<Performed, Refusal | Superseded | UploadStoreError> => {
    const { offer, policy } = exchange.trailers ? withTrailers : withoutTrailers
    switch (command._tag) {
      case "Append":
        return append(command, exchange, policy)
      case "Create":
        return create(command, exchange, policy)
      case "Discover":
        return Exit.succeed(offer)
      case "Download":
        return download(command, exchange, policy)
      case "Inspect":
        return inspect(command, exchange, policy)
      case "Terminate":
        return terminate(command, exchange, policy)
    }
  }

  return TusServer.of({
    handle: (command, exchange) => {
      const performed = (exchange: Exchange) =>
        Known.mapError(perform(command, exchange), (error) => error._tag === "Superseded" ? new Contended() : error)
      return takesBody(command)
        ? limits.taking(exchange.body, (body) => performed({ ...exchange, body }))
        : performed(exchange)
    },
    inFlight,
    finishPending,
    locate: (id) => Effect.catchTag(completion.locate(id), "Superseded", () => store.locate(id))
  })
})

/**
 * The server as a layer. When it is built, it continues in the background what an earlier process left unfinished. When
 * it ends, running bodies are cut off and committed, through every door.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { ByteStore, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
 * import { TusServer } from "effect-tus/server"
 *
 * // Everything in memory, for tests.
 * export const server = TusServer.layer.pipe(
 *   Layer.provide([UploadStore.layer, UploadLock.layerMemory]),
 *   Layer.provide([UploadRegistry.layerMemory, ByteStore.layerMemory])
 * )
 * ```
 */
export const layer: Layer.Layer<TusServer, never, UploadStore | UploadLock> = Layer.scoped(TusServer, make)

/** How long requests in flight get at the end of the server, running hooks included. */
const deadline: Duration.DurationInput = "10 seconds"

const end = ({ count, drain }: InFlight.InFlight) =>
  finish(drain, deadline, () => `${count()} requests did not end within ${Duration.format(Duration.decode(deadline))}`)

/**
 * The policy for exchanges whose checksum may follow the body, or not, and the answer to OPTIONS that follows from it.
 */
const termsOf = Effect.fnUntraced(function*(
  trailers: boolean,
  { completes }: HookRunner.HookRunner,
  { seals }: UploadStore["Type"]
) {
  const options = yield* Effect.orDie(TusPolicy.check(yield* TusPolicy.TusPolicy))
  const digests = yield* HashFunctions
  const expiresAfter = Option.map(Option.fromNullable(options.expiresAfter), Duration.decode)
  const policy: Policy = {
    maxSize: Option.fromNullable(options.maxSize),
    maxMetadataSize: options.maxMetadataSize ?? 8192,
    expiresAfter,
    algorithms: Array.from(digests.keys()),
    trailers,
    finishes: completes,
    seals
  }
  const offer: Performed = { reply: { _tag: "Offered", policy } }
  return { policy, offer }
})
