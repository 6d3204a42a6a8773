/**
 * How a request reaches its server: directly, through an HTTP proxy, or, where it is to be secure, through a tunnel of
 * one. What a proxy answers instead of opening a tunnel is never taken for an answer of the server: nobody has vouched
 * for it.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import type { Duplex } from "node:stream"
import { clearTimeout, setTimeout } from "node:timers"
import * as Tls from "node:tls"
import { urlToHttpOptions } from "node:url"
import { getProxyForUrl } from "proxy-from-env"
import { NodeTransportError } from "../node-shared/NodeTls.js"
import * as NodeConnect from "./NodeConnect.js"
import * as Timer from "./Timer.js"

export interface Options {
  /**
   * `"environment"` by default: http_proxy, https_proxy, all_proxy and no_proxy, in small or capital letters, as they
   * are when a server is first sent to. Or the URL of a proxy, with its user and password, for every request. `false`
   * for none.
   */
  readonly proxy?: "environment" | (string & {}) | false | undefined
  /** How long a connection may take to be made, with its TLS handshake. 30 seconds by default. */
  readonly connectTimeout?: Duration.DurationInput | undefined
}

export const defaultConnectTimeout = Duration.seconds(30)

/** Begins a request. Throws where the URL or a header is not one. */
export type Open = (url: URL, method: string, headers: Readonly<Record<string, string>>) => Http.ClientRequest

/** Connections are kept for the next request, until the scope ends. */
export const make = Effect.fnUntraced(function*(options: Options, tls: Tls.ConnectionOptions) {
  const { connectTimeout = defaultConnectTimeout, proxy = "environment" } = options
  if (proxy !== "environment" && proxy !== false) {
    yield* Effect.try({
      try: () => proxyUrl(proxy),
      catch: (cause) =>
        new NodeTransportError({ option: "proxy", expected: "the URL of an HTTP proxy, http or https", cause })
    })
  }
  const timeout = Timer.millis(connectTimeout)
  const plain = yield* agent(new NodeConnect.PlainAgent(timeout, { keepAlive: true }))
  const secure = yield* agent(new NodeConnect.SecureAgent(timeout, { keepAlive: true, ...tls }))
  const tunnels = yield* Effect.acquireRelease(
    Effect.sync(() => new Map<string, Tunnel>()),
    (tunnels) => Effect.sync(() => tunnels.forEach((tunnel) => tunnel.destroy()))
  )
  const tunnel = (href: string) => {
    const known = tunnels.get(href)
    if (known !== undefined) {
      return known
    }
    const via = proxyUrl(href)
    const made = new Tunnel(via, tls, timeout, via.protocol === "https:" ? secure : plain)
    tunnels.set(href, made)
    return made
  }

  const proxies = new Map<string, string>()
  const proxyFor = (url: URL) => {
    const through = proxies.get(url.origin)
      ?? (proxy === "environment" ? getProxyForUrl(url) : proxy === false ? "" : proxy)
    proxies.set(url.origin, through)
    return through
  }

  const open: Open = (url, method, headers) => {
    const through = proxyFor(url)
    const target = { ...urlToHttpOptions(url), method, headers }
    if (url.protocol === "https:") {
      return Https.request({ ...target, agent: through === "" ? secure : tunnel(through) })
    }
    if (url.protocol !== "http:") {
      throw new Error(`expected a URL that begins with http: or https:, not ${url.protocol}`)
    }
    if (through === "") {
      return Http.request({ ...target, agent: plain })
    }
    const via = proxyUrl(through)
    return requestOf(via)({
      ...target,
      ...addressOf(via),
      agent: via.protocol === "https:" ? secure : plain,
      path: `${url.origin}${url.pathname}${url.search}`,
      headers: { ...headers, host: url.host, ...authorization(via) }
    })
  }
  return open
})

const agent = <A extends Http.Agent>(agent: A) =>
  Effect.acquireRelease(Effect.succeed(agent), (agent) => Effect.sync(() => agent.destroy()))

const requestOf = ({ protocol }: URL) => (protocol === "https:" ? Https.request : Http.request)

/** Throws where it cannot be one, also for a user or password that is not encoded as URLs are. */
const proxyUrl = (href: string): URL => {
  const url = URL.canParse(href) ? new URL(href) : undefined
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
    // Without the rest of it, which may hold a password.
    throw new Error(`${url?.protocol ?? "something else"} is no URL of an HTTP proxy`)
  }
  authorization(url)
  return url
}

/** The name is said, since Node would take that of the host header, which is the server's. */
const addressOf = (proxy: URL) => {
  const host = proxy.hostname.replace(/^\[|\]$/g, "")
  return {
    host,
    hostname: host,
    port: proxy.port === "" ? (proxy.protocol === "https:" ? 443 : 80) : Number(proxy.port),
    servername: Net.isIP(host) === 0 ? host : ""
  }
}

const authorization = ({ password, username }: URL): Readonly<Record<string, string>> =>
  username === "" && password === ""
    ? {}
    : {
      "proxy-authorization": `Basic ${
        Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")
      }`
    }

/** Connections to servers, each in a tunnel of its own through one proxy. */
class Tunnel extends Https.Agent {
  private readonly proxy: URL
  private readonly tls: Tls.ConnectionOptions
  private readonly timeout: number
  private readonly agent: Http.Agent
  private readonly opening = new Set<Http.ClientRequest>()

  /** @param agent - of connections to the proxy */
  constructor(proxy: URL, tls: Tls.ConnectionOptions, timeout: number, agent: Http.Agent) {
    super({ keepAlive: true, ...tls })
    this.proxy = proxy
    this.tls = tls
    this.timeout = timeout
    this.agent = agent
  }

  override createConnection(
    options: Https.RequestOptions,
    callback: (error: Error | null, socket: Duplex) => void = () => {}
  ): undefined {
    const host = options.host ?? ""
    const authority = `${host.includes(":") ? `[${host}]` : host}:${options.port}`
    const fail = (error: Error) => callback(error, undefined as never)
    const connect = requestOf(this.proxy)({
      ...this.tls,
      ...addressOf(this.proxy),
      method: "CONNECT",
      path: authority,
      headers: { host: authority, connection: "keep-alive", ...authorization(this.proxy) },
      agent: this.agent
    })
    // However its answer dribbles.
    const late = setTimeout(
      () => connect.destroy(unreachable(`the proxy ${this.proxy.host} does not answer`)),
      this.timeout
    )
    this.opening.add(connect)
    connect
      .once("connect", ({ statusCode, statusMessage }, socket) => {
        if (statusCode === 200) {
          callback(null, Tls.connect({ ...(options as Tls.ConnectionOptions), socket }))
        } else {
          socket.destroy()
          fail(
            unreachable(`the proxy ${this.proxy.host} answered ${statusCode} ${statusMessage} to CONNECT ${authority}`)
          )
        }
      })
      .once("error", fail)
      .once("close", () => {
        clearTimeout(late)
        this.opening.delete(connect)
      })
      .end()
  }

  override destroy(): void {
    this.opening.forEach((connect) => connect.destroy())
    super.destroy()
  }
}

/** As Node's own errors for a peer that cannot be reached. */
const unreachable = (message: string) => Object.assign(new Error(message), { code: "EHOSTUNREACH" })
