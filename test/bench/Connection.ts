/**
 * HTTP/1.1 over a bare socket: one request at a time, written in one piece where it is small, and no more read of the
 * answer than a load generator needs.
 */
import { once } from "node:events"
import { connect as connectTo, type Socket } from "node:net"

export interface Response {
  readonly status: number
  readonly head: string
}

/** Bytes to send: `chunk` again and again until there are `size` of them. */
export interface Body {
  readonly chunk: Buffer
  readonly size: number
}

export interface Connection {
  readonly socket: Socket
  readonly request: (method: string, path: string, headers?: string, body?: Body) => Promise<Response>
  readonly close: () => void
}

export const header = ({ head }: Response, name: string): string | undefined =>
  new RegExp(`^${name}: ([^\r\n]*)`, "im").exec(head)?.[1]

export const connect = async (port: number): Promise<Connection> => {
  const socket = connectTo({ port, host: "127.0.0.1", noDelay: true })
  await once(socket, "connect")

  let received = ""
  let method = ""
  let settle: { resolve: (response: Response) => void; reject: (error: Error) => void } | undefined
  const wake = () => {
    const response = settle === undefined ? undefined : parse(received, method)
    if (response !== undefined) {
      received = ""
      settle?.resolve(response)
      settle = undefined
    }
  }
  const fail = (error: Error) => {
    settle?.reject(error)
    settle = undefined
  }
  socket.setEncoding("latin1")
    .on("data", (text: string) => {
      received += text
      wake()
    })
    .on("error", fail)
    .on("close", () => fail(new Error(`the connection was closed after: ${received}`)))

  const send = async ({ chunk, size }: Body, isAnswered: () => boolean) => {
    for (let left = size; left > 0 && !isAnswered(); left -= chunk.length) {
      if (!socket.write(left < chunk.length ? chunk.subarray(0, left) : chunk)) {
        await once(socket, "drain")
      }
    }
  }

  return {
    socket,
    request: (verb, path, headers = "", body) => {
      if (settle !== undefined) {
        throw new Error(`${verb} ${path} while ${method} is not yet answered`)
      }
      if (socket.destroyed) {
        throw new Error(`${verb} ${path} on a connection that was closed`)
      }
      method = verb
      const length = body === undefined ? "" : `Content-Length: ${body.size}\r\n`
      const head = Buffer.from(
        `${verb} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\n${length}${headers}\r\n`,
        "latin1"
      )
      return new Promise((resolve, reject) => {
        const turn = { resolve, reject }
        settle = turn
        if (body !== undefined && body.size <= body.chunk.length) {
          socket.write(Buffer.concat([head, body.chunk.subarray(0, body.size)]))
        } else {
          socket.write(head)
          if (body !== undefined) {
            send(body, () => settle !== turn).catch(reject)
          }
        }
      })
    },
    close: () => socket.destroy()
  }
}

/** The answer, once it is there with its body. */
const parse = (text: string, method: string): Response | undefined => {
  const end = text.indexOf("\r\n\r\n")
  if (end === -1) {
    return undefined
  }
  const head = text.slice(0, end)
  const response = { status: Number(head.slice(9, 12)), head }
  const length = header(response, "content-length")
  const isWhole = method === "HEAD" || response.status === 204
    || (length === undefined ? text.endsWith("0\r\n\r\n") : text.length >= end + 4 + Number(length))
  return isWhole ? response : undefined
}
