/**
 * The hooks of an application. None by default.
 *
 * Each hook has a time limit. A hook that takes longer is interrupted, and the request is answered 503, so that the
 * client tries again. A hook that dies is logged, and the request is answered 500. In both cases the request has
 * changed nothing.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Addition } from "../../protocol/Addition.js"
import { Denied, type UploadRejected } from "../../protocol/Refusal.js"
import type { Amendments, Upload } from "../../protocol/Upload.js"
import type { RawRequest } from "../../wire/Message.js"

/** What a request is about to do with an upload. `Concatenate` is asked once for each part of a new final upload. */
export type Intent = "Create" | "Concatenate" | "Inspect" | "Append" | "Terminate" | "Download"

/** What `authorize` may return with its permission to create. */
export interface Admission {
  /** The owner of the upload from now on. */
  readonly owner: string
}

/**
 * The hooks. A hook that is not given allows everything and changes nothing. The failure of a hook is the answer to the
 * client, with the status of the failure.
 */
export interface Hooks {
  /**
   * Decides whether the sender of a request may do this. Runs for every request except OPTIONS, before a byte of the
   * body is read and before a running request is stopped. For a new upload it sees what the client asks for, with an id
   * that nobody knows yet. It does not run for an upload that does not exist.
   */
  readonly authorize?:
    | ((intent: Intent, upload: Upload, request: RawRequest) => Effect.Effect<Admission | void, Denied>)
    | undefined
  /** Runs before an upload is created, and may change it. */
  readonly onCreate?: ((upload: Upload, request: RawRequest) => Effect.Effect<Amendments | void, Denied>) | undefined
  /**
   * Runs when all bytes of an upload are stored, before the client is told, and decides whether they are accepted. A
   * failure is stored and answers every later request. Runs once per completion, and again after a crash in the middle:
   * use the id of the upload to recognize a second run. What it adds goes to the client that sent the last byte. It is
   * also stored, if `StorableAnswer` allows it, and told again to an empty PATCH at the end of the upload. Otherwise a
   * warning says why it is told once. A final upload takes no PATCH, so nothing is stored of its answer.
   */
  readonly onComplete?: ((upload: Upload) => Effect.Effect<Addition | void, UploadRejected>) | undefined
  /** Runs before an upload is removed at the request of a client. */
  readonly onTerminate?: ((upload: Upload) => Effect.Effect<void, Denied>) | undefined
  /**
   * Runs before an unfinished upload is removed because it has expired. If it dies, this is logged, the upload stays,
   * and the hook runs again with the next sweep.
   */
  readonly onExpire?: ((upload: Upload) => Effect.Effect<void>) | undefined
  /** How long a hook may take. 30 seconds by default. */
  readonly timeLimit?: Duration.DurationInput | undefined
}

/**
 * Partial uploads are passed to `authorize` only: the other hooks see whole files.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Refusal } from "effect-tus"
 * import { NodeTusServer } from "effect-tus/node"
 * import { UploadHooks } from "effect-tus/server"
 *
 * const hooks = Layer.succeed(UploadHooks.UploadHooks, {
 *   authorize: (_intent, _upload, { headers }) =>
 *     headers["authorization"] === "Bearer secret"
 *       ? Effect.succeed({ owner: "ann" })
 *       : Effect.fail(new Refusal.Denied({ status: 401, reason: "expected a token" })),
 *   onComplete: (upload) => Effect.logInfo(`${upload.id} is complete`)
 * })
 *
 * export const server = NodeTusServer.layer({ directory: "./uploads" }).pipe(Layer.provide(hooks))
 * ```
 */
export class UploadHooks extends Context.Reference<UploadHooks>()("effect-tus/UploadHooks", {
  defaultValue: (): Hooks => ({})
}) {}

/**
 * Only the user who created an upload may use it. `whoIs` returns the user who sends a request, or fails with `Denied`,
 * usually a 401. Nobody may use an upload without an owner, such as one from before owners were introduced.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Refusal } from "effect-tus"
 * import { UploadHooks } from "effect-tus/server"
 *
 * const users = new Map([["Bearer secret-of-ann", "ann"]])
 *
 * export const hooks = UploadHooks.owned(({ headers }) =>
 *   Effect.mapError(
 *     Effect.fromNullable(users.get(headers["authorization"] ?? "")),
 *     () => new Refusal.Denied({ status: 401, reason: "expected a token" })
 *   )
 * )
 * ```
 */
export const owned = (
  whoIs: (request: RawRequest) => Effect.Effect<string, Denied>
): Required<Pick<Hooks, "authorize">> => ({
  authorize: (intent, upload, request) =>
    Effect.flatMap(whoIs(request), (owner) =>
      intent === "Create"
        ? Effect.succeed({ owner })
        : Option.contains(upload.owner, owner)
        ? Effect.void
        : Effect.fail(new Denied({ status: 403, reason: "this upload belongs to somebody else" })))
})
