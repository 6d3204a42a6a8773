/**
 * Health checks for load balancers and orchestrators. They tell of this process: whether it reaches its database, and
 * whether its disk has space. Of several servers each answers for itself, and a database that is down makes all of them
 * not ready.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { UploadId } from "../../protocol/Upload.js"
import { ByteStore } from "../../store/ByteStore.js"
import { UploadRegistry } from "../../store/UploadRegistry.js"

/** When a server counts as not ready. */
export interface Options {
  /** Free bytes that the disk has to have. 1 GiB by default. */
  readonly minFree?: number | undefined
  /** Whether the answer lists the problems. True by default; use false if anybody may ask, then the log lists them. */
  readonly showProblems?: boolean | undefined
}

/**
 * The problems of the server, a sentence each; empty if it is ready. Asks the store and the disk, so it takes as long
 * as they do.
 */
export const problems = (
  { minFree = 1024 ** 3 }: Options = {}
): Effect.Effect<ReadonlyArray<string>, never, ByteStore | UploadRegistry> =>
  Effect.gen(function*() {
    const registry = yield* UploadRegistry
    const bytes = yield* ByteStore
    const states = Effect.as(registry.get(nobody), Option.none())
    const space = bytes.free === undefined ? Effect.succeedNone : Effect.map(bytes.free, (free) =>
      free < minFree
        ? Option.some(`the disk has ${free} bytes left, expected at least ${minFree}`)
        : Option.none())
    const found = yield* Effect.forEach(
      [states, space],
      Effect.catchAll(({ message }) => Effect.succeedSome(`the store fails: ${message}`))
    )
    return found.flatMap(Option.toArray)
  })

/** 200 as long as the process answers. */
export const live: Effect.Effect<HttpServerResponse.HttpServerResponse> = Effect.succeed(
  HttpServerResponse.unsafeJson({ status: "live" })
)

/**
 * 200 if the server is ready, else 503, with the problems unless `showProblems` is false.
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
