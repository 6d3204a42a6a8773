/**
 * Runs the hooks of an application: each within its time limit, and only for the uploads that concern it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Addition } from "../../protocol/Addition.js"
import { Denied, type UploadRejected } from "../../protocol/Refusal.js"
import { Amendments, type Upload, type UploadId } from "../../protocol/Upload.js"
import * as UploadStore from "../../store/UploadStore.js"
import * as Known from "../../time/Known.js"
import type { RawRequest } from "../../wire/Message.js"
import { type Admission, type Hooks, type Intent, UploadHooks } from "../hooks/UploadHooks.js"
import { UploadUrls } from "../hooks/UploadUrls.js"
import * as LogText from "../policy/LogText.js"
import * as OptionError from "../policy/OptionError.js"

/** The hooks of an application, as the server calls them. */
export interface HookRunner {
  /** Whether `admit` does anything. Otherwise the state that it needs is not read. */
  readonly admits: boolean
  /** Fails if the sender may not do this with the upload of `url`. */
  readonly admit: (
    intent: Exclude<Intent, "Create">,
    upload: Upload,
    url: string,
    request: RawRequest
  ) => Effect.Effect<void, Denied>
  readonly authorize: (upload: Upload, request: RawRequest) => Effect.Effect<Admission | void, Denied>
  readonly create: (upload: Upload, request: RawRequest) => Effect.Effect<Amendments | void, Denied>
  /** Whether there is an `onComplete`, for which an upload waits in `Finishing`. */
  readonly completes: boolean
  readonly complete: (upload: Upload) => Effect.Effect<Addition | void, Denied | UploadRejected>
  readonly terminate: (upload: Upload) => Effect.Effect<void, Denied>
  readonly expire: (upload: Upload) => Effect.Effect<void, Denied>
}

export const make: Effect.Effect<HookRunner> = Effect.gen(function*() {
  const hooks = yield* UploadHooks
  const urls = yield* UploadUrls
  const { timeLimit } = yield* Effect.orDie(check({ timeLimit: hooks.timeLimit ?? "30 seconds" }))
  const limit = Duration.decode(timeLimit)

  /** A hook that hangs is interrupted and not waited for, also if the caller is uninterruptible. */
  const within = <A, E>(
    name: keyof Hooks,
    hook: () => Effect.Effect<A, E> | undefined,
    request: LogText.Told = LogText.nothing
  ) =>
    Effect.suspend((): Effect.Effect<A | void, E> => hook() ?? Effect.void).pipe(
      Effect.catchAllDefect((defect) => Effect.die(LogText.errorOf(request, defect))),
      Effect.disconnect,
      Effect.interruptible,
      Effect.timeoutFail({
        duration: limit,
        onTimeout: () =>
          new Denied({ status: 503, reason: `${name} did not decide within ${Duration.format(limit)}; try again` })
      })
    )

  const authorize = (intent: Intent, upload: Upload, request: RawRequest) =>
    hooks.authorize === undefined
      ? Effect.void
      : within("authorize", () => hooks.authorize?.(intent, upload, request), request)

  return {
    admits: hooks.authorize !== undefined || urls.areSigned,
    admit: (intent, upload, url, request) =>
      Known.flatMap(urls.verify(upload.id, url), () => authorize(intent, upload, request)),
    authorize: (upload, request) => authorize("Create", upload, request),
    create: (upload, request) =>
      hooks.onCreate === undefined || upload.isPartial
        ? Effect.void
        : Effect.flatMap(within("onCreate", () => hooks.onCreate?.(upload, request), request), validAmendments),
    completes: hooks.onComplete !== undefined,
    complete: (upload) =>
      hooks.onComplete === undefined || upload.isPartial
        ? Effect.void
        : Effect.flatMap(within("onComplete", () => hooks.onComplete?.(upload)), validAddition),
    terminate: (upload) =>
      hooks.onTerminate === undefined || upload.isPartial
        ? Effect.void
        : within("onTerminate", () => hooks.onTerminate?.(upload)),
    expire: (upload) =>
      hooks.onExpire === undefined || upload.isPartial
        ? Effect.void
        : within("onExpire", () => hooks.onExpire?.(upload))
  }
})

/** Asks `authorize` about an upload before its lock is requested from a running request. */
export const admitter =
  (hooks: HookRunner, store: UploadStore.UploadStore["Type"]) =>
  (intent: "Append" | "Terminate", id: UploadId, request: RawRequest) =>
    hooks.admits
      ? Known.flatMap(UploadStore.current(store, id), ({ upload }) => hooks.admit(intent, upload, request.url, request))
      : Effect.void

const check = OptionError.check(Schema.Struct({ timeLimit: OptionError.timeout }))

/** An invalid result of a hook is a bug of the application, and so a defect. */
const valid = <A>(schema: Schema.Schema<A>) => {
  const validate = Schema.validate(schema)
  return (value: A | void): Effect.Effect<A | void> => value === undefined ? Effect.void : Effect.orDie(validate(value))
}

const validAmendments = valid(Schema.typeSchema(Amendments))
const validAddition = valid(Schema.typeSchema(Addition))
