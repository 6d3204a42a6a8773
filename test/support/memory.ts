/**
 * A server without a network: requests in, responses out, on a clock that the test moves.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as UploadBody from "../../src/server/body/UploadBody.js"
import * as TusDoor from "../../src/server/doors/TusDoor.js"
import { octets, tus } from "./exchange.js"

export const bodyOf = (text: string): UploadBody.UploadBody => {
  let sent = false
  return UploadBody.fromPull(
    Effect.suspend(() => {
      const first = !sent && text !== ""
      sent = true
      return first ? Effect.succeed(Chunk.of(new TextEncoder().encode(text))) : Effect.fail(Option.none())
    }),
    {}
  )
}

export const request = (
  method: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  body: UploadBody.UploadBody = UploadBody.empty
) =>
  Effect.flatMap(
    door,
    (respond) => respond({ request: { method, url, headers: { ...tus, ...headers } }, body, trailers: true })
  )

const door = TusDoor.make({ path: "/files" })

export const create = (headers: Readonly<Record<string, string>>) =>
  Effect.map(request("POST", "/files", headers), ({ headers }) => headers.location ?? "")

export const head = (path: string) => request("HEAD", path)

export const patch = (
  path: string,
  offset: number,
  body: string | UploadBody.UploadBody,
  headers: Readonly<Record<string, string>> = {}
) =>
  request(
    "PATCH",
    path,
    { ...octets, "upload-offset": String(offset), ...headers },
    typeof body === "string" ? bodyOf(body) : body
  )

/** Splits a text into pieces of these sizes. Other fibers run between the pieces. */
export const inPieces = (text: string, sizes: ReadonlyArray<number>): UploadBody.UploadBody => {
  const left = [...sizes]
  let at = 0
  const next = Effect.suspend(() => {
    const piece = text.slice(at, at + (left.shift() ?? Infinity))
    at += piece.length
    return at === text.length && piece === ""
      ? Effect.fail(Option.none())
      : Effect.succeed(Chunk.of(new TextEncoder().encode(piece)))
  })
  return { ...bodyOf(""), pull: Effect.zipRight(Effect.yieldNow(), next) }
}
