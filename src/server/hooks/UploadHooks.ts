/**
 * Where an application has its say. Nothing happens by default.
 *
 * Each hook has a time limit: one that takes longer is interrupted, and the request is answered 503, as one to be tried
 * again. One that dies is a 500, and logged. What such a request was to change is as it was before.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RawRequest } from "../../protocol/Command.js"
import { Denied, type UploadRejected } from "../../protocol/Refusal.js"
import type { Addition } from "../../protocol/Reply.js"
import type { Amendments, Upload } from "../../protocol/Upload.js"

/** What a request is about to do with an upload: `Concatenate` is asked for each part that a new final names. */
export type Intent = "Create" | "Concatenate" | "Inspect" | "Append" | "Terminate" | "Download"

/** What goes with a permission to create. */
export interface Admission {
  /** Whose the upload is from now on. */
  readonly owner: string
}

/**
 * Questions to an application. One that is left out says yes and changes nothing; a failure is the answer to the
 * client, with the status that it carries.
 */
export interface Hooks {
  /**
   * Whether who sends this request may do this, for every request but OPTIONS. Asked before a byte of the body is read,
   * and before a running request is disturbed. Of an upload that is to be created, it sees what the client asks for,
   * under an id that is not told to anybody before. A request for an upload that does not exist does not come here.
   */
  readonly authorize?:
    | ((intent: Intent, upload: Upload, request: RawRequest) => Effect.Effect<Admission | void, Denied>)
    | undefined
  /** Runs before an upload is created, and may have it created otherwise. */
  readonly onCreate?: ((upload: Upload, request: RawRequest) => Effect.Effect<Amendments | void, Denied>) | undefined
  /**
   * Runs when all bytes of an upload are there, before the client is told, and decides whether they are accepted. A
   * failure is stored and answers every later request. Runs once per completion, and again after a crash in the middle:
   * the id of the upload is the key by which a second run is told from a first. What it adds goes to the client that
   * sends the last byte, if that is still there.
   */
  readonly onComplete?: ((upload: Upload) => Effect.Effect<Addition | void, UploadRejected>) | undefined
  /** Runs before an upload is removed because a client asks for it. */
  readonly onTerminate?: ((upload: Upload) => Effect.Effect<void, Denied>) | undefined
  /**
   * Runs before an unfinished upload is removed because its time has run out. One that fails is logged, and runs again
   * with the next sweep, when the upload is removed at last.
   */
  readonly onExpire?: ((upload: Upload) => Effect.Effect<void>) | undefined
  /** How long a hook may take. 30 seconds by default. */
  readonly timeLimit?: Duration.DurationInput | undefined
}

/**
 * Partial uploads are asked for by `authorize` only: the other hooks see whole files.
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
 * Uploads that belong to whoever has created them, and are nobody else's: `whoIs` tells who sends a request, or fails
 * with `Denied`, most likely a 401. Uploads that belong to nobody, from a time without owners, are not to be had
 * either.
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
