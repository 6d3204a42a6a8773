/**
 * What all doors share: a request in the shape that every HTTP has becomes a response in that shape. Holds no rule.
 */
import * as Effect from "effect/Effect"
import * as Command from "../protocol/Command.js"
import { isRefusal } from "../protocol/Refusal.js"
import * as Reply from "../protocol/Reply.js"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import * as TusCors from "./TusCors.js"
import { TusPolicy } from "./TusPolicy.js"
import { type Door, TusServer } from "./TusServer.js"
import type { UploadBody } from "./UploadBody.js"

export interface Options {
  /**
   * The path of the collection, such as `/files`; other paths are 404. Left out, the collection is whatever is posted to:
   * then whoever mounts the door decides.
   */
  readonly path?: string | undefined
}

export const make = ({ path, trailers }: Options & Door) =>
  Effect.gen(function*() {
    const server = yield* TusServer
    const { origins } = yield* TusPolicy

    return (request: Command.RawRequest, body: UploadBody): Effect.Effect<Reply.RawResponse> =>
      Command.decode(request, path).pipe(
        Effect.flatMap((command) => server.handle(command, body, { trailers })),
        Effect.map(Reply.encode),
        Effect.catchIf(isRefusal, (refusal) => Effect.succeed(Reply.encode(refusal))),
        Effect.catchTag("UploadStoreError", (error) => Effect.as(log(request, error), failed(error))),
        Effect.catchAllDefect((defect) => Effect.as(log(request, defect), broken)),
        Effect.map(({ body, headers, status }) => ({
          status,
          headers: { ...headers, ...TusCors.headers(request, origins ?? "*") },
          body: request.method === "HEAD" ? undefined : body
        }))
      )
  })

/** For a door that is given its server with each request. */
export const respond = (request: Command.RawRequest, body: UploadBody, options: Options & Door) =>
  Effect.flatMap(make(options), (respond) => respond(request, body))

const log = ({ method, url }: Command.RawRequest, cause: unknown) => Effect.logError(`${method} ${url} failed`, cause)

const plain = (status: number, text: string): Reply.RawResponse => ({
  status,
  headers: { "tus-resumable": "1.0.0", "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  body: `${text}\n`
})

const failed = ({ reason }: UploadStoreError) =>
  reason === "NoSpace"
    ? plain(507, "the server has no space left; what was acknowledged is safe, continue later")
    : broken

const broken = plain(500, "the server failed; what was acknowledged is safe, try again")
