/**
 * Requests as data, and what is expected of their answers. Whatever can send a request plays an exchange.
 */
import { assert } from "@effect/vitest"
import { createHash } from "node:crypto"

export type Headers = Readonly<Record<string, string | number>>

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers?: Headers
  readonly body?: string | Uint8Array
  /** Sends the body in chunks, without Content-Length. */
  readonly chunked?: boolean
  readonly trailers?: Headers
}

export interface Answer {
  readonly status: number
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
}

export type Ask = (request: Request) => Promise<Answer>

export const tus = { "tus-resumable": "1.0.0" }

/** The headers of a request whose body goes into an upload. */
export const octets = { ...tus, "content-type": "application/offset+octet-stream" }

/** A request with the headers that tus demands, unless it has others. */
export const request = (method: string, path: string, headers: Headers = {}, body?: Request["body"]): Request =>
  body === undefined
    ? { method, path, headers: { ...tus, ...headers } }
    : { method, path, headers: { ...octets, ...headers }, body }

export const post = (headers: Headers, body?: Request["body"]) => request("POST", "/files", headers, body)

export const create = (length: number, headers: Headers = {}) => post({ "upload-length": length, ...headers })

export const patch = (path: string, offset: number, body: string | Uint8Array, headers: Headers = {}) =>
  request("PATCH", path, { "upload-offset": offset, ...headers }, body)

export const head = (path: string, headers?: Headers) => request("HEAD", path, headers)

export const terminate = (path: string) => request("DELETE", path)

/** The value of Upload-Checksum. */
export const digest = (bytes: string | Uint8Array, algorithm = "sha1") =>
  `${algorithm} ${createHash(algorithm).update(bytes).digest("base64")}`

export const checked = (path: string, offset: number, body: string | Uint8Array) =>
  patch(path, offset, body, { "upload-checksum": digest(body) })

/** Its checksum follows the body. */
export const trailed = (path: string, offset: number, body: string | Uint8Array): Request => ({
  ...patch(path, offset, body, { trailer: "Upload-Checksum" }),
  chunked: true,
  trailers: { "upload-checksum": digest(body) }
})

/** The upload that was created. */
export const locationOf = ({ headers, text }: Answer) => headers["location"] ?? assert.fail(`no Location: ${text}`)

/** NaN if the answer does not tell it. */
export const offsetOf = ({ headers }: Answer) => Number(headers["upload-offset"])

/** Sends a request whose path is a URL, as a page does. */
export const fetched: Ask = async ({ body, headers, method, path }) => {
  const response = await fetch(path, { method, headers: { ...headers }, ...(body && { body }) } as RequestInit)
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
}

export interface Exchange extends Omit<Request, "path"> {
  /** `{name}` is a location that was saved before. `/files` by default. */
  readonly path?: string
  readonly status: number
  /** A string must be equal, a pattern must match, and null must be absent. */
  readonly expect?: Readonly<Record<string, string | RegExp | null>>
  readonly text?: RegExp
  /** Saves the path of Location under this name. */
  readonly save?: string
}

/** Sends one request after the other, and compares each answer. */
export const play = async (ask: Ask, exchanges: ReadonlyArray<Exchange>) => {
  const saved = new Map<string, string>()
  const fill = (text: string) => text.replaceAll(/\{(\w+)\}/g, (_, name: string) => saved.get(name) ?? `{${name}}`)
  for (const [i, exchange] of exchanges.entries()) {
    const headers = Object.fromEntries(Object.entries(exchange.headers ?? {}).map(([k, v]) => [k, fill(String(v))]))
    const asked = { ...exchange, headers, path: fill(exchange.path ?? "/files") }
    const answer = await ask(asked)
    check(`#${i} ${asked.method} ${asked.path} ${JSON.stringify(headers)}`, exchange, answer)
    if (exchange.save !== undefined) {
      saved.set(exchange.save, locationOf(answer))
    }
  }
}

const check = (what: string, { expect = {}, method, status, text }: Exchange, answer: Answer) => {
  assert.strictEqual(answer.status, status, `${what}: ${answer.text}`)
  assert.strictEqual(answer.headers["tus-resumable"], "1.0.0", what)
  for (const [header, value] of Object.entries(expect)) {
    const actual = answer.headers[header]
    if (value === null) {
      assert.isUndefined(actual, `${what}: ${header}`)
    } else if (typeof value === "string") {
      assert.strictEqual(actual, value, `${what}: ${header}`)
    } else {
      assert.match(actual ?? "", value, `${what}: ${header}`)
    }
  }
  if (status >= 400 && method !== "HEAD") {
    assert.match(answer.headers["content-type"] ?? "", /^text\/plain/, what)
    assert.match(answer.text, /^[^\n]{10,400}\n$/, what)
  }
  if (text !== undefined) {
    assert.match(answer.text, text, what)
  }
}
