/**
 * An HTTP server that stands in for S3: it answers as it is told to.
 */
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

/** A request, with its body. */
export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
  /** Resolves when its connection has ended. */
  readonly closed: Promise<void>
}

/** What is answered. */
export type Answer = (request: Received, response: ServerResponse) => void

/** An answer with a body in XML. */
export const xml =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer => (_, response) => {
    response.writeHead(status, {
      "content-type": "application/xml",
      "content-length": Buffer.byteLength(body),
      ...headers
    }).end(body)
  }

/** An error as S3 says it. */
export const error = (status: number, code: string, message = "Why.", headers: Readonly<Record<string, string>> = {}) =>
  xml(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`, headers)

export const credentials = {
  accessKeyId: "AKIDOFTHETESTS",
  secretAccessKey: "secret-of-tests",
  sessionToken: "session-of-tests"
}

/** Answers every request alike, until it is told otherwise. It ends with the scope. */
export const make = (first: Answer) =>
  Effect.gen(function*() {
    const received: Array<Received> = []
    const waiting = new Set<() => void>()
    let answer = first
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk) => chunks.push(chunk))
      request.on("end", () => {
        const { headers, method = "", url = "" } = request
        const body = Buffer.concat(chunks).toString("latin1")
        const closed = once(response, "close").then(() => {})
        const one = { method, url, headers, body, closed }
        received.push(one)
        waiting.forEach((tell) => tell())
        answer(one, response)
      })
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening")),
      () =>
        Effect.promise(async () => {
          server.close()
          server.closeAllConnections()
          await once(server, "close")
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    const endpoint = `http://127.0.0.1:${port}`
    return {
      endpoint,
      received,
      answer: (next: Answer) => {
        answer = next
      },
      /** The request of this number, when it is here. */
      request: (number: number): Effect.Effect<Received> =>
        Effect.promise(async () => {
          for (;;) {
            const one = received[number]
            if (one !== undefined) {
              return one
            }
            await new Promise<void>((resolve) => waiting.add(resolve))
          }
        }),
      client: (config: S3ClientConfig = {}) =>
        new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials, ...config })
    }
  })
