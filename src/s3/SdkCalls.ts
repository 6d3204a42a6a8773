/**
 * One call by `@aws-sdk/client-s3`: sent once, with a time limit, and its failure in the words of `S3Error`.
 */
import type { S3Client } from "@aws-sdk/client-s3"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as S3Failure from "./S3Failure.js"
import { S3Error } from "./S3Objects.js"

const whenRequired = () => Promise.resolve("WHEN_REQUIRED" as const)

/**
 * The client with its credentials, connections and middleware, but without what a caller who retries by itself cannot
 * have: attempts of the SDK's own, checksums that only AWS knows, and a question before each body, for which the SDK
 * opens a new connection. The client itself stays as it is.
 */
const once = (client: S3Client): S3Client => {
  const middlewareStack = client.middlewareStack.clone()
  // Others have their place behind it.
  middlewareStack.add((next) => next, {
    name: "retryMiddleware",
    step: "finalizeRequest",
    priority: "high",
    override: true
  })
  middlewareStack.remove("addExpectContinueMiddleware")
  const config: S3Client["config"] = {
    ...client.config,
    requestChecksumCalculation: whenRequired,
    responseChecksumValidation: whenRequired
  }
  return Object.create(client, { config: { value: config }, middlewareStack: { value: middlewareStack } })
}

const KiB = 1024

/** How long a call may take that moves so many bytes: 10 seconds, and a second for each 256 KiB. */
export const patience = (bytes: number): Duration.Duration => Duration.millis(10_000 + bytes / (256 * KiB) * 1000)

/** The store copies without us, at 8 MiB a second or more. */
export const patienceOfCopy = (bytes: number): Duration.Duration => patience(bytes / 32)

/** The store joins parts: AWS takes minutes for thousands of them. */
export const patienceOfJoining = (parts: number): Duration.Duration => patience(parts * 8 * KiB)

/** Options of the SDK for a request: its signal aborts it. */
export interface Abortable {
  readonly abortSignal: AbortSignal
}

/** What a call is, for its limit and its failures. */
export interface Description {
  readonly call: S3Failure.Call
  /** The call and its object, such as `put files/abc`. */
  readonly operation: string
  /** That of a call without bytes, by default. */
  readonly limit?: Duration.Duration | undefined
}

/** Makes a call. The signal aborts its request when the limit is reached, and when the fiber is interrupted. */
export type Call = <A>(
  description: Description,
  run: (options: Abortable) => Promise<A>,
  /** What is left of the limit. */
  left?: Duration.Duration
) => Effect.Effect<A, S3Error>

/** How to make calls. */
export interface Calls {
  readonly bucket: string
  readonly client: S3Client
  readonly call: Call
}

export const make = (client: S3Client, bucket: string): Calls => ({
  bucket,
  client: once(client),
  call: (description, run, left = limitOf(description)) =>
    Effect.tryPromise({ try: (abortSignal) => run({ abortSignal }), catch: (cause) => cause }).pipe(
      Effect.catchAll((cause) =>
        Effect.flatMap(secretsOf(client, cause), (secrets) => toError(description, cause, secrets))
      ),
      // Also where the caller must not be interrupted, the limit ends the call.
      Effect.interruptible,
      Effect.timeoutFail({ duration: left, onTimeout: () => unanswered(description) })
    )
})

/** Succeeds where the call failed for one of these reasons. */
export const ignore =
  (...reasons: ReadonlyArray<S3Error["reason"]>) =>
  <A, R>(self: Effect.Effect<A, S3Error, R>): Effect.Effect<void, S3Error, R> =>
    Effect.catchIf(Effect.asVoid(self), ({ reason }) => reasons.includes(reason), () => Effect.void)

/** No answer within the limit. */
const unanswered = (description: Description): S3Error =>
  new S3Error({
    reason: "Unsure",
    operation: description.operation,
    message: S3Failure.messageOf("Unsure", [
      `no answer for ${Math.ceil(Duration.toSeconds(limitOf(description)))} seconds`
    ])
  })

const limitOf = ({ limit = patience(0) }: Description): Duration.Duration => limit

/** An answer that lacks what it must have. */
export const incomplete = ({ operation }: Description, what: string): S3Error =>
  new S3Error({ reason: "Unsure", operation, message: S3Failure.messageOf("Unsure", [`the answer has no ${what}`]) })

/** The secrets that the store was sent, or could guess at: its answer may repeat them. */
const secretsOf = (client: S3Client, cause: unknown): Effect.Effect<S3Failure.Secrets> =>
  statusOf(cause) === undefined
    ? Effect.succeed([])
    : Effect.tryPromise(() => client.config.credentials()).pipe(
      Effect.map(({ secretAccessKey, sessionToken }) => [secretAccessKey, sessionToken]),
      Effect.orElseSucceed(() => [])
    )

const statusOf = (cause: unknown): number | undefined => numberAt(at(cause, "$metadata"), "httpStatusCode")

/** The failure of a call that the SDK has thrown. */
export const toError = (
  { call, operation }: Description,
  cause: unknown,
  secrets: S3Failure.Secrets = []
): S3Error => {
  const status = statusOf(cause)
  const message = textAt(cause, "message")
  // The SDK has a name for every answer, and knows the words of S3 only if it has a fault.
  const isOfS3 = Predicate.hasProperty(cause, "$fault")
  const code = status === undefined
    ? textAt(cause, "code") ?? textAt(cause, "name")
    : isOfS3
    ? textAt(cause, "name")
    : undefined
  const reason = S3Failure.reasonOf(call, {
    code,
    status,
    syscall: /establish/.test(message ?? "") ? "connect" : textAt(cause, "syscall")
  })
  const said = status === undefined
    ? [message ?? code]
    : code === undefined || nameless.test(code)
    ? [`the answer was ${status}${call === "head" || call === "bucket" ? "" : ", and not one of S3"}`]
    : [code, message === "UnknownError" ? undefined : message]
  return new S3Error({
    reason,
    operation,
    message: S3Failure.messageOf(reason, said, secrets),
    retryAfter: S3Failure.retryAfterOf(textAt(at(at(cause, "$response"), "headers"), "retry-after"))
  })
}

/** The names that the SDK makes up for an answer without a code. */
const nameless = /^(\d{3}|NotFound|Unknown|UnknownError|Error)$/

const at = (value: unknown, key: string): unknown => Predicate.hasProperty(value, key) ? value[key] : undefined

const textAt = (value: unknown, key: string): string | undefined => {
  const found = at(value, key)
  return Predicate.isString(found) ? found : undefined
}

const numberAt = (value: unknown, key: string): number | undefined => {
  const found = at(value, key)
  return Predicate.isNumber(found) ? found : undefined
}
