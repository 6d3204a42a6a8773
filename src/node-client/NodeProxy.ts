/**
 * The route of a request: directly, through an HTTP proxy, or for https through a tunnel of the proxy. If a proxy
 * refuses to open a tunnel, its response is never taken for one of the server: TLS has not verified it.
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
   * `"environment"` by default: http_proxy, https_proxy, all_proxy and no_proxy, in lower or upper case, read at the
   * first request to a server. Or the URL of a proxy for all requests, which may contain user and password. `false` for
   * no proxy.
   */
  readonly proxy?: "environment" | (string & {}) | false | undefined
  /** How long a connection may take, with its TLS handshake. 30 seconds by default. */
  readonly connectTimeout?: Duration.DurationInput | undefined
}

export const defaultConnectTimeout = Duration.seconds(30)

/** Begins a request. Throws if the URL or a header is invalid. */
export type Open = (url: string, method: string, headers: Readonly<Record<string, string>>) => Http.ClientRequest

/** All that requests to a URL have in common. */
interface Route {
  readonly request: typeof Http.request
  readonly target: Https.RequestOptions
  readonly headers: Readonly<Record<string, string>>
}

/** Connections are kept alive until the scope ends. */
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

  const routeOf = (url: URL): Route => {
    const through = proxyFor(url)
    const target = urlToHttpOptions(url)
    if (url.protocol === "https:") {
      const agent = through === "" ? secure : tunnel(through)
      return { request: Https.request, target: { ...target, agent }, headers: {} }
    }
    if (url.protocol !== "http:") {
      throw new Error(`expected a URL that begins with http: or https:, not ${url.protocol}`)
    }
    if (through === "") {
      return { request: Http.request, target: { ...target, agent: plain }, headers: {} }
    }
    const via = proxyUrl(through)
    return {
      request: requestOf(via),
      target: {
        ...target,
        ...addressOf(via),
        agent: via.protocol === "https:" ? secure : plain,
        path: `${url.origin}${url.pathname}${url.search}`
      },
      headers: { host: url.host, ...authorization(via) }
    }
  }

  // All creations at an endpoint have one URL.
  let last: { readonly url: string; readonly route: Route } | undefined
  const open: Open = (url, method, headers) => {
    last = last?.url === url ? last : { url, route: routeOf(new URL(url)) }
    const { route } = last
    return route.request({ ...route.target, method, headers: { ...headers, ...route.headers } })
  }
  return open
})

const agent = <A extends Http.Agent>(agent: A) =>
  Effect.acquireRelease(Effect.succeed(agent), (agent) => Effect.sync(() => agent.destroy()))

const requestOf = ({ protocol }: URL) => (protocol === "https:" ? Https.request : Http.request)

/** Throws if this is no URL of a proxy, or its user or password is not percent-encoded. */
const proxyUrl = (href: string): URL => {
  const url = URL.canParse(href) ? new URL(href) : undefined
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
    // The message has no more of the URL, which may contain a password.
    throw new Error(`expected http: or https: and a host, got ${url?.protocol ?? "no URL"}`)
  }
  authorization(url)
  return url
}

/** `servername` is set, since Node would use the host header, which names the server behind the proxy. */
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

/** An agent whose connections are tunnels through one proxy. */
class Tunnel extends Https.Agent {
  private readonly proxy: URL
  private readonly tls: Tls.ConnectionOptions
  private readonly timeout: number
  private readonly agent: Http.Agent
  private readonly opening = new Set<Http.ClientRequest>()

  /** @param agent - for connections to the proxy */
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
    // A deadline for the whole response, even if bytes of it arrive.
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

/** An error like Node's own for a host that cannot be reached. */
const unreachable = (message: string) => Object.assign(new Error(message), { code: "EHOSTUNREACH" })
