/**
 * Whether a server can do its work: what a load balancer and an orchestrator ask.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { UploadId } from "../../protocol/Upload.js"
import { ByteStore } from "../../store/ByteStore.js"
import { UploadRegistry } from "../../store/UploadRegistry.js"

/** From when on a server is taken for one that cannot do its work. */
export interface Options {
  /** Bytes that the disk has to have left. 1 GiB by default. */
  readonly minFree?: number | undefined
  /** Whether the answer says what is wrong. It does by default; otherwise the log does, where anybody may ask. */
  readonly showProblems?: boolean | undefined
}

/**
 * What keeps the server from its work, each as a sentence; nothing where it can do it. Asks the store, and so waits for
 * it.
 */
export const problems = (
  { minFree = 1024 ** 3 }: Options = {}
): Effect.Effect<ReadonlyArray<string>, never, ByteStore | UploadRegistry> =>
  Effect.gen(function*() {
    const registry = yield* UploadRegistry
    const bytes = yield* ByteStore
    const states = Effect.as(registry.get(nobody), Option.none())
    const space = Effect.map(bytes.free, (free) =>
      Option.map(
        Option.filter(free, (free) => free < minFree),
        (free) => `the disk has ${free} bytes left, expected at least ${minFree}`
      ))
    const found = yield* Effect.forEach(
      [states, space],
      Effect.catchAll(({ message }) => Effect.succeedSome(`the store fails: ${message}`))
    )
    return found.flatMap(Option.toArray)
  })

/** The process answers. */
export const live: Effect.Effect<HttpServerResponse.HttpServerResponse> = Effect.succeed(
  HttpServerResponse.unsafeJson({ status: "live" })
)

/**
 * 200 where it can do its work, 503 where it cannot, with the reasons unless these are for the log only.
 *
 * @example
 * ```ts
 * import { HttpRouter } from "@effect/platform"
 * import { TusHealth } from "effect-tus/server"
 *
 * export const router = HttpRouter.empty.pipe(
 *   HttpRouter.get("/health/live", TusHealth.live),
 *   HttpRouter.get("/health/ready", TusHealth.ready({ showProblems: false }))
 * )
 * ```
 */
export const ready = (
  options: Options = {}
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, ByteStore | UploadRegistry> =>
  Effect.flatMap(problems(options), (problems) =>
    problems.length === 0
      ? Effect.succeed(HttpServerResponse.unsafeJson({ status: "ready" }))
      : options.showProblems === false
      ? Effect.as(Effect.logWarning(problems.join("; ")), unavailable())
      : Effect.succeed(unavailable(problems)))

const unavailable = (problems?: ReadonlyArray<string>) =>
  HttpServerResponse.unsafeJson({ status: "unavailable", problems }, { status: 503 })

/** An id that no upload has. */
const nobody = UploadId.make("health-check-".padEnd(22, "0"))
