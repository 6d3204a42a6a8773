/**
 * The URL of a call, signed. The SDK makes the request up to where it would be sent, so that host, path, region and
 * time are those of its other requests.
 */
import type { GetObjectCommand, S3Client } from "@aws-sdk/client-s3"
import * as Effect from "effect/Effect"
import * as Presigned from "./Presigned.js"
import * as S3Failure from "./S3Failure.js"
import { S3Error } from "./S3Objects.js"
import type * as SdkCalls from "./SdkCalls.js"

/** What the SDK would send. */
interface Request {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number | undefined
  readonly path: string
  readonly query?: Readonly<Record<string, string>> | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** Ends a call before its request is sent. */
class Prepared {
  readonly request: Request
  constructor(request: Request) {
    this.request = request
  }
}

export const make = (
  { call, client }: SdkCalls.Calls,
  operation: string,
  command: GetObjectCommand,
  seconds: number
): Effect.Effect<string, S3Error> =>
  Effect.flatMap(
    call({ call: "object", operation }, () => Promise.all([prepare(client, command), client.config.credentials()])),
    ([request, credentials]) => {
      const scope = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d+\/([^/]+)\/s3\//.exec(request.headers.authorization ?? "")
      const date = request.headers["x-amz-date"]
      return scope?.[1] === undefined || date === undefined
        ? Effect.fail(
          new S3Error({
            reason: "Unsupported",
            operation,
            message: S3Failure.messageOf("Unsupported", [
              "URLs are signed for one region, by credentials of AWS4-HMAC-SHA256"
            ])
          })
        )
        : Effect.succeed(
          Presigned.url({
            protocol: request.protocol,
            host: request.port === undefined ? request.hostname : `${request.hostname}:${request.port}`,
            path: request.path,
            query: request.query ?? {},
            date,
            region: scope[1],
            seconds
          }, credentials)
        )
    }
  )

/** The request of a command, signed as if it were sent. */
const prepare = (client: S3Client, command: GetObjectCommand): Promise<Request> => {
  const stack = client.middlewareStack.clone()
  stack.add(
    () => ({ request }) => Promise.reject(new Prepared(request as Request)),
    { step: "finalizeRequest", name: "prepared", priority: "low" }
  )
  const preparing: S3Client = Object.create(client, { middlewareStack: { value: stack } })
  return preparing.send(command).then(
    () => Promise.reject(new Error("the SDK has sent what was to be signed")),
    (cause: unknown) => cause instanceof Prepared ? cause.request : Promise.reject(cause)
  )
}
