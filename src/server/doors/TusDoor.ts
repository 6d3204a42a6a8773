/**
 * What all doors share. A door is an adapter to an HTTP framework: it makes an exchange of a request and sends the
 * response. It contains no rule.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { takesBody } from "../../protocol/Command.js"
import { isRefusal, type Refusal } from "../../protocol/Refusal.js"
import { UploadStoreError } from "../../store/UploadStoreError.js"
import * as Instant from "../../time/Instant.js"
import * as Known from "../../time/Known.js"
import { type HttpRefusal, isHttpRefusal } from "../../wire/HttpRefusal.js"
import type { RawRequest } from "../../wire/Message.js"
import { dialect } from "../../wire/tus/TusDialect.js"
import type { Arrival, Exchange } from "../body/Exchange.js"
import * as UploadBody from "../body/UploadBody.js"
import { type Observed, TusObserver, watched } from "../hooks/TusObserver.js"
import * as DoorPolicy from "../policy/DoorPolicy.js"
import * as LogText from "../policy/LogText.js"
import * as OptionError from "../policy/OptionError.js"
import { TusPolicy } from "../policy/TusPolicy.js"
import { TusServer } from "../TusServer.js"
import type { Performed } from "../verbs/Verb.js"

export interface Options {
  /**
   * The path of the collection, such as `/files`; other paths are 404. Without it the collection is the path that is
   * posted to, so the place where the door is mounted decides. An invalid path is a defect when the door is made.
   */
  readonly path?: string | undefined
}

export interface Response extends Observed, Pick<Performed, "content"> {}

/**
 * For a door that enters its requests in `inFlight` itself, until their answers are sent. An answer that is known at
 * once is an `Exit`; an answer that is none has to be run once, and at once.
 */
export const open = ({ path }: Options) =>
  Effect.gen(function*() {
    const server = yield* TusServer
    const policy = yield* TusPolicy
    const { downloads } = policy
    const { baseOf, cors } = yield* Effect.orDie(DoorPolicy.make(policy, dialect.fields))
    yield* Effect.orDie(check({ path }))

    const observers = yield* TusObserver
    const clock = yield* Effect.clock
    const now = () => Instant.of(clock)
    const answer = (exchange: Exchange): Effect.Effect<Response> => {
      const { request } = exchange
      // Empty if `origins` of the application dies, which is a defect like any other.
      let allowed: Readonly<Record<string, string>> = {}
      const finish = ({ body, content, headers, outcome, status }: Response): Response => ({
        status,
        outcome,
        headers: { ...headers, ...allowed },
        body: request.method === "HEAD" ? undefined : body,
        content
      })
      return Known.matchCauseEffect(
        Known.suspend((): Effect.Effect<Performed, Refusal | HttpRefusal | UploadStoreError> => {
          allowed = cors.headersOf(request)
          return Either.match(dialect.decode(request, { base: baseOf(request), downloads, path }), {
            onLeft: Exit.fail,
            onRight: (command) =>
              exchange.body.isConsumed === true && takesBody(command)
                ? Exit.die(new UploadBody.BodyConsumed())
                : server.handle(command, exchange)
          })
        }),
        {
          onSuccess: (answer) => Exit.succeed(finish(encode(answer))),
          onFailure: (cause) => Known.map(explain(request, cause), finish)
        }
      )
    }
    const respond = observers.length === 0 ? answer : guarded(watched(observers, answer))
    return { respond: (arrival: Arrival) => respond({ ...arrival, now }), inFlight: server.inFlight }
  })

/** For a door that does not see how its answers are sent: a request is in flight until its response is made. */
export const make = (options: Options) =>
  Effect.map(
    open(options),
    ({ inFlight, respond }) => (arrival: Arrival): Effect.Effect<Response> => {
      const response = respond(arrival)
      return Known.exit(response) ?? Effect.acquireUseRelease(
        Effect.withFiberRuntime<() => void>((fiber) => Exit.succeed(inFlight.enter({ body: arrival.body, fiber }))),
        () => response,
        (leave) => Effect.sync(leave)
      )
    }
  )

const check = OptionError.check(Schema.Struct({ path: Schema.optional(OptionError.path) }))

type Respond = (exchange: Exchange) => Effect.Effect<Response>

/** An observer that dies is a bug of the application: its request is answered all the same. */
const guarded = (respond: Respond): Respond => (exchange) =>
  Effect.catchAllCause(Effect.suspend(() => respond(exchange)), (cause) => explain(exchange.request, cause))

const encode = (answer: Performed): Response => {
  const { body, headers, status } = dialect.encode(answer)
  return { status, headers, body, content: answer.content, outcome: "Ok" }
}

/** A refusal is an answer. A store error and a defect are answered 500, 503 or 507, and logged. */
const explain = (
  request: RawRequest,
  cause: Cause.Cause<Refusal | HttpRefusal | UploadStoreError>
): Effect.Effect<Response> =>
  Either.match(Cause.failureOrCause(cause), {
    onLeft: (error) =>
      isRefusal(error) || isHttpRefusal(error)
        ? Exit.succeed({
          ...dialect.refuse(error),
          outcome: error._tag === "Interrupted" ? error.reason : error._tag
        })
        : Effect.as(log(request, Cause.fail, error), error instanceof UploadStoreError ? failed(error) : broken),
    onRight: (cause) =>
      Option.match(Cause.dieOption(cause), {
        onNone: () => Effect.failCause(cause),
        onSome: (defect) =>
          Effect.as(
            log(request, Cause.die, defect),
            defect instanceof UploadBody.BodyConsumed ? misplaced(defect) : broken
          )
      })
  })

/** As a `Cause`, which every logger prints whole. Some loggers print nothing of an Error beside a message. */
const log = (request: RawRequest, causeOf: (error: unknown) => Cause.Cause<unknown>, error: unknown) =>
  Effect.logError(`${LogText.nameOf(request)} failed`, causeOf(LogText.errorOf(request, error)))

const plain = (status: number, outcome: string, text: string, headers?: Response["headers"]): Response => ({
  ...dialect.sentence(status, text, headers),
  outcome
})

const failed = ({ message, reason }: UploadStoreError): Response => {
  switch (reason) {
    case "UnknownDialect":
      return plain(501, "UploadStoreError", message)
    case "Unavailable":
      return plain(503, "UploadStoreError", `${away}; what was acknowledged is safe, continue later`, later)
    case "NoSpace":
      return plain(
        507,
        "UploadStoreError",
        "the server has no space left; what was acknowledged is safe, continue later"
      )
    case "Corrupt":
      return plain(500, "UploadStoreError", "the server no longer has all that it has acknowledged of this upload")
    default:
      return plain(500, "UploadStoreError", sorry)
  }
}

const away = "the server cannot reach its store"
const later = { "retry-after": "1" }

const misplaced = ({ message }: UploadBody.BodyConsumed) => plain(500, "Defect", message)

/** An fsync may have failed, and then the offset is lower than before. */
const sorry = "the server failed; ask by HEAD where the upload stands, and try again"
const broken = plain(500, "Defect", sorry)
