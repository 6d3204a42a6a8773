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
        "Let OPTIONS through to the server: it answers CORS preflights itself"
      ),
    onSome: ({ extensions, versions }) =>
      versions.includes(DiscoveryHeaders.version)
        ? ok(
          "server",
          `tus ${versions.join(", ")}${
            Option.match(extensions, {
              onNone: () => ", without extensions",
              onSome: (names) => `, with ${names.join(", ")}`
            })
          }`
        )
        : problem("server", `the server supports tus ${versions.join(", ")}, not ${DiscoveryHeaders.version}`)
  })

/** Whether an upload was created, with a Location. */
export const creation = (answer: RawResponse): Finding =>
  answer.status !== 201
    ? problem("creation", `POST ${answered(answer)}`, afterPost[answer.status])
    : answer.headers["location"] === undefined
    ? problem("creation", "POST was answered 201 without Location", "Let the proxy pass on response headers")
    : answer.headers["tus-resumable"] === undefined
    ? note("creation", "POST was answered 201 without Tus-Resumable, which some clients require")
    : ok("creation", "an upload was created")

const afterPost: Readonly<Record<number, string | undefined>> = {
  401: `Send credentials with --header "Authorization: ..."`,
  403: `Send credentials with --header "Authorization: ..."`,
  404: "Check that this is the URL at which uploads are created",
  405: "Check that this is the URL at which uploads are created",
  412: "Let the proxy pass on the request header Tus-Resumable",
  413: "Let the server announce its size limit in Tus-Max-Size"
}

/** Whether clients follow the Location. */
export const location = (endpoint: string, location: string): Finding => {
  if (!URL.canParse(location, endpoint)) {
    return problem("location", `Location is not a URL: ${location}`, whereFrom)
  }
  const url = new URL(location, endpoint)
  return Either.isLeft(Location.check(endpoint, url.href, []))
    ? problem(
      "location",
      `Location leads to ${url.origin}, which clients of ${new URL(endpoint).origin} do not follow`,
      whereFrom
    )
    : url.origin !== new URL(endpoint).origin
    ? problem(
      "location",
      `Location begins with ${url.protocol}, which browsers block on https pages`,
      whereFrom
    )
    : ok("location", `${/^[a-z]+:/i.test(location) ? "a URL" : "a path"} on the same host: ${location}`)
}

const whereFrom =
  "Let the proxy send X-Forwarded-Host and X-Forwarded-Proto, and let the server trust it (trustedProxies); or set publicUrl on the server"

/** Whether HEAD at the Location finds the upload. */
export const head = (answer: RawResponse): Finding =>
  answer.status === 404 || answer.status === 410
    ? problem(
      "head",
      `HEAD at the Location ${answered(answer)}`,
      "If the proxy removes a path prefix, let it send X-Forwarded-Prefix; if there are several servers, they need a common store"
    )
    : answer.status < 200 || answer.status > 299
    ? problem("head", `HEAD ${answered(answer)}`, "Let HEAD through to the server")
    : answer.headers["upload-offset"] === undefined
    ? problem("head", "HEAD was answered without Upload-Offset", "Let the proxy pass on response headers")
    : /no-store/.test(answer.headers["cache-control"] ?? "")
    ? ok("head", "HEAD returns the offset of the upload")
    : note("head", "HEAD was answered without Cache-Control: no-store: a cache may return an old offset")

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
      `the server kept ${Size.print(kept)} of the ${Size.print(sent)} that were sent before the connection broke`
    )
    : problem(
      "buffering",
      `the server kept nothing of the ${
        Size.print(sent)
      } that were sent before the connection broke: a proxy waits for whole bodies`,
      "Let the proxy pass on bodies as they arrive; nginx: proxy_request_buffering off"
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
    onNone: () => ok("size", `bodies of ${Size.print(Option.getOrElse(passed, () => 0))} are accepted`),
    onSome: (refused) =>
      problem(
        "size",
        `bodies of ${Size.print(refused)} ${how}${
          Option.match(passed, {
            onNone: () => "",
            onSome: (passed) => `, those of ${Size.print(passed)} are accepted`
          })
        }`,
        `Let server and proxies accept bodies of any size; nginx: client_max_body_size 0, Bun: maxRequestBodySize${
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
    ? ok("override", "POST with X-HTTP-Method-Override: PATCH works, for networks that let only GET and POST through")
    : note(
      "override",
      `POST with X-HTTP-Method-Override: PATCH ${
        answered(answer)
      }: clients in networks that let only GET and POST through cannot upload`
    )
