/**
 * Connects to the first address of a name that answers. Node gives each address a quarter of a second and gives up on
 * it before the next, which is too short for slow lines. Here each address has the whole time, and the next does not
 * wait for one that is silent.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8305
 */
import * as Dns from "node:dns"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import type { Duplex } from "node:stream"
import { clearTimeout, setTimeout } from "node:timers"

/** How long the next address waits for the earlier ones, in milliseconds. */
const delay = 250

type Callback = (error: Error | null, socket: Duplex) => void

/** Ends a connection attempt that is not needed any more. */
type Cancel = () => void

/** Alternates between IPv6 and IPv4, in the system's order. */
const interleaved = (addresses: ReadonlyArray<Dns.LookupAddress>): ReadonlyArray<string> => {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family)
  return first.flatMap((each, i) => [each, ...second.slice(i, i + 1)]).concat(second.slice(first.length)).map(
    ({ address }) => address
  )
}

/** The errors of all addresses as one, with all messages. */
const combined = (errors: ReadonlyArray<Error>): Error =>
  errors.length === 1 && errors[0] !== undefined
    ? errors[0]
    : new AggregateError(errors, errors.map(({ message }) => message).join("; "))

/** Calls back once, with the first connection or with all errors. Never after it was cancelled. */
export const connect = (options: Net.TcpNetConnectOpts, timeout: number, callback: Callback): Cancel => {
  const { host = "localhost", ...others } = options
  const sockets = new Set<Net.Socket>()
  const errors: Array<Error> = []
  let waiting: ReadonlyArray<string> = []
  let next: NodeJS.Timeout | undefined
  let ended = false

  const end = () => {
    ended = true
    clearTimeout(next)
    clearTimeout(timer)
    sockets.forEach((socket) => socket.destroy())
  }
  const fail = (error: Error) => {
    end()
    callback(error, undefined as never)
  }
  const begin = () => {
    clearTimeout(next)
    const [address, ...rest] = waiting
    waiting = rest
    if (address === undefined) {
      return sockets.size === 0 ? fail(combined(errors)) : undefined
    }
    const socket = Net.connect({ ...others, host: address, autoSelectFamily: false })
    const onError = (error: Error) => {
      errors.push(error)
      sockets.delete(socket)
      begin()
    }
    sockets.add(socket)
    socket.once("error", onError).once("connect", () => {
      socket.off("error", onError)
      sockets.delete(socket)
      end()
      callback(null, socket)
    })
    next = rest.length === 0 ? undefined : setTimeout(begin, delay)
  }
  const timer = setTimeout(() => {
    const silent = new Error(`no answer from ${sockets.size} of the addresses of ${host}`)
    fail(combined([...errors, Object.assign(silent, { code: "EHOSTUNREACH" })]))
  }, timeout)
  Dns.lookup(host, { all: true }, (error, addresses) => {
    if (ended) {
      return
    }
    if (error !== null) {
      return fail(error)
    }
    waiting = interleaved(addresses)
    begin()
  })
  return end
}

/** The connection attempts of an agent. */
class PendingConnections {
  private readonly cancels = new Set<Cancel>()
  private readonly timeout: number

  constructor(timeout: number) {
    this.timeout = timeout
  }

  begin(options: object, callback: Callback): undefined {
    const cancel = connect(options as Net.TcpNetConnectOpts, this.timeout, (error, socket) => {
      this.cancels.delete(cancel)
      callback(error, socket)
    })
    this.cancels.add(cancel)
  }

  end() {
    this.cancels.forEach((cancel) => cancel())
    this.cancels.clear()
  }
}

const isName = ({ host }: Http.ClientRequestArgs) => typeof host === "string" && Net.isIP(host) === 0

/** @param timeout - for a connection, in milliseconds */
export class PlainAgent extends Http.Agent {
  private readonly pending: PendingConnections

  constructor(timeout: number, options: Http.AgentOptions) {
    super(options)
    this.pending = new PendingConnections(timeout)
  }

  override createConnection(options: Http.ClientRequestArgs, callback: Callback = () => {}) {
    return isName(options) ? this.pending.begin(options, callback) : super.createConnection(options, callback)
  }

  override destroy() {
    this.pending.end()
    super.destroy()
  }
}

/** @param timeout - for a connection without its TLS handshake, in milliseconds */
export class SecureAgent extends Https.Agent {
  private readonly pending: PendingConnections

  constructor(timeout: number, options: Https.AgentOptions) {
    super(options)
    this.pending = new PendingConnections(timeout)
  }

  override createConnection(options: Https.RequestOptions, callback: Callback = () => {}) {
    return isName(options)
      ? this.pending.begin(options, (error, socket) =>
        error === null
          ? callback(null, super.createConnection({ ...options, socket } as Https.RequestOptions) as Duplex)
          : callback(error, socket))
      : super.createConnection(options, callback)
  }

  override destroy() {
    this.pending.end()
    super.destroy()
  }
}
