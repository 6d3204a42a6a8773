/**
 * Turns answers into findings about the server and the proxies in front of it. Pure.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Location from "../../client/requests/Location.js"
import { capabilities } from "../../client/requests/ResponseReader.js"
import type { RawResponse } from "../../wire/Message.js"
import * as DiscoveryHeaders from "../../wire/tus/DiscoveryHeaders.js"
import * as Size from "../terminal/Size.js"
import { type Finding, note, ok, problem } from "./Finding.js"

/** The answer, as the end of a sentence. */
export const answered = ({ body = "", status }: RawResponse): string => {
  const text = body.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim().slice(0, 100)
  return `was answered ${status}${text === "" ? "" : `: ${text}`}`
}

/** The capabilities of the server, by its answer to OPTIONS. */
export const server = (answer: RawResponse): Finding =>
  Option.match(capabilities(answer.headers), {
    onNone: () =>
      problem(
        "server",
        `OPTIONS ${answered(answer)}, without Tus-Version: clients cannot learn what the server can do`,
        "Let OPTIONS through to the server: it answers preflights of CORS itself"
      ),
    onSome: ({ extensions, versions }) =>
      versions.includes(DiscoveryHeaders.version)
        ? ok(
          "server",
          `tus ${versions.join(", ")}${
            Option.match(extensions, {
              onNone: () => ", with no extension",
              onSome: (names) => `, with ${names.join(", ")}`
            })
          }`
        )
        : problem("server", `it speaks tus ${versions.join(", ")}, and not ${DiscoveryHeaders.version}`)
  })

/** Whether an upload was created, with a Location. */
export const creation = (answer: RawResponse): Finding =>
  answer.status !== 201
    ? problem("creation", `POST ${answered(answer)}`, afterPost[answer.status])
    : answer.headers["location"] === undefined
    ? problem("creation", "POST was answered 201 without Location", "Let the proxy pass on the headers of answers")
    : answer.headers["tus-resumable"] === undefined
    ? note("creation", "POST was answered 201 without Tus-Resumable, which some clients look for")
    : ok("creation", "an upload was created")

const afterPost: Readonly<Record<number, string | undefined>> = {
  401: `Say who you are with --header "Authorization: ..."`,
  403: `Say who you are with --header "Authorization: ..."`,
  404: "Is this the URL of the collection, to which uploads are posted?",
  405: "Is this the URL of the collection, to which uploads are posted?",
  412: "Let the proxy pass on the header Tus-Resumable",
  413: "Tus-Max-Size should say how large an upload may be"
}

/** Whether clients follow the Location. */
export const location = (endpoint: string, location: string): Finding => {
  if (!URL.canParse(location, endpoint)) {
    return problem("location", `Location is no URL: ${location}`, whereFrom)
  }
  const url = new URL(location, endpoint)
  return Either.isLeft(Location.check(endpoint, url.href, []))
    ? problem(
      "location",
      `Location leads to ${url.origin}, where clients that were sent to ${new URL(endpoint).origin} do not go`,
      whereFrom
    )
    : url.origin !== new URL(endpoint).origin
    ? problem(
      "location",
      `Location begins with ${url.protocol}, where a page that came by https must not go`,
      whereFrom
    )
    : ok("location", `it is ${/^[a-z]+:/i.test(location) ? "a URL" : "a path"} on the same host: ${location}`)
}

const whereFrom =
  "Let the proxy say X-Forwarded-Host and X-Forwarded-Proto, and the server trust it (trustedProxies), or know its publicUrl"

/** Whether HEAD at the Location finds the upload. */
export const head = (answer: RawResponse): Finding =>
  answer.status === 404 || answer.status === 410
    ? problem(
      "head",
      `HEAD at the Location ${answered(answer)}`,
      "If the proxy cuts off a prefix, let it say so in X-Forwarded-Prefix; if there are several servers, let them share their store"
    )
    : answer.status < 200 || answer.status > 299
    ? problem("head", `HEAD ${answered(answer)}`, "Let HEAD through to the server")
    : answer.headers["upload-offset"] === undefined
    ? problem("head", "HEAD was answered without Upload-Offset", "Let the proxy pass on the headers of answers")
    : /no-store/.test(answer.headers["cache-control"] ?? "")
    ? ok("head", "it tells where the upload stands")
    : note("head", "HEAD was answered without Cache-Control: no-store: a cache may tell an old offset")

/** A request whose body was cut off on purpose. */
export interface AbortReason {
  /** Bytes that were sent. */
  readonly sent: number
  /** Bytes that the server kept. */
  readonly kept: number
}

export const buffering = ({ kept, sent }: AbortReason): Finding =>
  kept > 0
    ? ok(
      "buffering",
      `of ${Size.print(sent)} that were sent when the connection broke, the server has ${Size.print(kept)}`
    )
    : problem(
      "buffering",
      `of ${
        Size.print(sent)
      } that were sent when the connection broke, the server has nothing: something on the way waits for whole bodies`,
      "Let the proxy pass on bodies as they come, in nginx with proxy_request_buffering off"
    )

/**
 * @param refused - the smallest size that was refused; `Option.none` if the largest one was accepted.
 * @param how - what happens to bodies of that size.
 */
export const size = (
  refused: Option.Option<number>,
  passed: Option.Option<number>,
  how = "are refused with 413"
): Finding =>
  Option.match(refused, {
    onNone: () => ok("size", `bodies of ${Size.print(Option.getOrElse(passed, () => 0))} are let through`),
    onSome: (refused) =>
      problem(
        "size",
        `bodies of ${Size.print(refused)} ${how}${
          Option.match(passed, {
            onNone: () => "",
            onSome: (passed) => `, those of ${Size.print(passed)} are let through`
          })
        }`,
        `Let server and proxies take bodies of any size, nginx with client_max_body_size 0, Bun with maxRequestBodySize${
          Option.match(passed, { onNone: () => "", onSome: (passed) => `; or upload with --chunk-size ${passed}` })
        }`
      )
  })

/** A PATCH or DELETE that did not succeed. */
export const blocked = (method: "PATCH" | "DELETE", answer: RawResponse): Finding =>
  problem(
    method === "PATCH" ? "patch" : "delete",
    `${method} ${answered(answer)}`,
    [403, 404, 405, 501].includes(answer.status)
      ? `Let ${method} through to the server; until then upload with --method-override`
      : undefined
  )

export const override = (answer: RawResponse): Finding =>
  answer.status === 204
    ? ok("override", "POST with X-HTTP-Method-Override stands for PATCH, for networks that let nothing else through")
    : note(
      "override",
      `POST with X-HTTP-Method-Override: PATCH ${
        answered(answer)
      }: clients in networks that let only GET and POST through cannot upload`
    )
