/**
 * The calls of the SDK, against a server that stands in for S3.
 */
import { PutObjectCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { S3Sdk } from "effect-tus/s3"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { createHash } from "node:crypto"
import type { ServerResponse } from "node:http"
import { setImmediate } from "node:timers/promises"
import { type S3Error, S3Objects } from "../../src/s3/S3Objects.js"
import * as StandIn from "./standIn.js"

const upload = { key: "files/m", multipartId: "id" }

const utf8 = (text: string) => new TextEncoder().encode(text)

const nothing: StandIn.Answer = () => {}

/** The calls to a stand-in that answers so. */
const against = (answer: StandIn.Answer, config: S3ClientConfig = {}) =>
  Effect.gen(function*() {
    const standIn = yield* StandIn.make(answer)
    const client = standIn.client(config)
    const s3 = yield* Effect.provide(S3Objects, S3Sdk.layer({ bucket: "photos", client }))
    return { ...standIn, client, s3 }
  })

/** Lets everything else go on until it is so. */
const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() =>
    condition() ? Effect.void : Effect.zipRight(Effect.promise(() => setImmediate()), until(condition))
  )

/** Every call, with a name. */
const calls = (s3: S3Objects["Type"]): ReadonlyArray<readonly [string, Effect.Effect<unknown, S3Error>]> => [
  ["put", s3.put("files/a", utf8("a"))],
  ["get", Stream.runDrain(s3.get("files/a", { start: 0, end: 5 }))],
  ["head", s3.head("files/a")],
  ["remove", s3.remove("files/a")],
  ["list", s3.list({ prefix: "files/" })],
  ["createMultipart", s3.createMultipart("files/m")],
  ["uploadPart", s3.uploadPart(upload, 1, utf8("a"))],
  ["copyPart", s3.copyPart(upload, 1, { key: "files/a", start: 0, end: 1 })],
  ["complete", s3.complete(upload, [{ number: 1, etag: "\"e\"" }])],
  ["abort", s3.abort(upload)],
  ["parts", s3.parts(upload)],
  ["multiparts", Stream.runDrain(s3.multiparts("files/"))],
  ["abortRule", s3.abortRule("files/")]
]

const eager: S3ClientConfig = {
  maxAttempts: 5,
  retryMode: "adaptive",
  requestChecksumCalculation: "WHEN_SUPPORTED",
  responseChecksumValidation: "WHEN_SUPPORTED"
}

describe("each call", () => {
  it.scopedLive("is one request, also of a client that would try again", () =>
    Effect.gen(function*() {
      const { received, s3 } = yield* against(StandIn.error(503, "SlowDown", "Why.", { "retry-after": "7" }), eager)
      for (const [name, call] of calls(s3)) {
        const before = received.length
        const error = yield* Effect.flip(call)
        assert.strictEqual(error.reason, name === "head" ? "Unsure" : "SlowDown", name)
        assert.strictEqual(error.retryAfter, 7)
        assert.strictEqual(received.length, before + 1, name)
      }
    }))

  it.scopedLive("says what it was about, and what the store said", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against(StandIn.error(403, "AccessDenied", "Access\n Denied"))
      const failures = yield* Effect.forEach(calls(s3), ([, call]) => Effect.flip(call))
      deepStrictEqual(failures.map(({ operation }) => operation), [
        "put files/a",
        "get files/a",
        "head files/a",
        "remove files/a",
        "list files/",
        "begin the multipart upload files/m",
        "put part 1 of files/m",
        "copy from files/a to part 1 of files/m",
        "complete files/m",
        "abort the multipart upload files/m",
        "list the parts of files/m",
        "list the multipart uploads files/",
        "read the lifecycle rules of photos"
      ])
      const denied = "the credentials are wrong, or have no right to this call"
      failures.forEach(({ message, operation }) =>
        assert.strictEqual(
          message,
          operation.startsWith("head") ? `${denied} (the answer was 403)` : `${denied} (AccessDenied: Access Denied)`
        )
      )
    }))

  it.scopedLive("takes what is no answer of S3 for no proof that something is gone", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against(StandIn.xml(404, "<html><body>Not found</body></html>"))
      for (const [name, call] of calls(s3)) {
        const { message, reason } = yield* Effect.flip(call)
        assert.strictEqual(reason, name === "head" ? "NoSuchBucket" : "Refused", name)
        assert.include(message, name === "head" ? "there is no such bucket" : "the answer was 404", name)
      }
    }))

  it.scopedLive("does not repeat credentials, even if the store does", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against((request, response) => {
        const { authorization, "x-amz-security-token": token } = request.headers
        StandIn.error(403, "AccessDenied", `${authorization} ${token} ${StandIn.credentials.secretAccessKey}`)(
          request,
          response
        )
      })
      for (const [name, call] of calls(s3)) {
        const error = yield* Effect.flip(call)
        const said = JSON.stringify(error) + String(error) + error.message
        assert.include(said, name === "head" ? "403" : "***", name)
        assert.notMatch(said, /secret-of-tests|session-of-tests|Signature=[0-9a-f]/, name)
      }
    }))

  it.scopedLive("fails with one sentence where nobody listens", () =>
    Effect.gen(function*() {
      const port = yield* Effect.scoped(Effect.map(StandIn.make(nothing), ({ endpoint }) => new URL(endpoint).port))
      const { s3 } = yield* against(nothing, { endpoint: `http://127.0.0.1:${port}` })
      for (const [name, call] of calls(s3)) {
        const { message, reason } = yield* Effect.flip(call)
        assert.strictEqual(reason, "Unreached", name)
        assert.strictEqual(message, `there is no connection to the store (connect ECONNREFUSED 127.0.0.1:${port})`)
      }
    }))

  it.scopedLive("is unsure where the connection is closed without an answer", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against((_, response) => response.destroy())
      for (const [name, call] of calls(s3)) {
        assert.strictEqual((yield* Effect.flip(call)).reason, "Unsure", name)
      }
    }))

  it.scopedLive("is signed with the time of the store, after the store has said it", () =>
    Effect.gen(function*() {
      const later = new Date(Date.now() + 3600_000)
      const { answer, received, s3 } = yield* against(
        StandIn.error(403, "RequestTimeTooSkewed", "Why.", { date: later.toUTCString() })
      )
      assert.strictEqual((yield* Effect.flip(s3.put("a", utf8("a")))).reason, "SlowDown")
      answer(StandIn.xml(200, ""))
      yield* s3.put("a", utf8("a"))
      const sent = String(received[1]?.headers["x-amz-date"])
      assert.strictEqual(sent.slice(0, 11), later.toISOString().slice(0, 13).replaceAll("-", ""))
    }))
})

describe("bytes that are sent", () => {
  it.scopedLive("have the MD5 of their content, and nothing that only AWS knows", () =>
    Effect.gen(function*() {
      const { client, received, s3 } = yield* against(StandIn.xml(200, "", { etag: "\"e\"" }), eager)
      const bytes = new Uint8Array(3 * 1024 * 1024).fill(7)
      yield* s3.put("files/a", bytes)
      yield* s3.uploadPart(upload, 1, bytes)
      for (const { body, headers } of received) {
        assert.strictEqual(headers["content-md5"], createHash("md5").update(bytes).digest("base64"))
        assert.strictEqual(headers["content-length"], String(bytes.length))
        assert.strictEqual(body.length, bytes.length)
        const names = Object.keys(headers).join()
        assert.notMatch(names, /checksum|trailer|expect|transfer-encoding|content-encoding/)
      }
      // The client itself stays as it was.
      yield* Effect.promise(() => client.send(new PutObjectCommand({ Bucket: "photos", Key: "a", Body: bytes })))
      assert.match(Object.keys(received[2]?.headers ?? {}).join(), /x-amz-checksum-/)
    }))

  it.scopedLive("go through the middleware of the client", () =>
    Effect.gen(function*() {
      const standIn = yield* StandIn.make(StandIn.xml(200, ""))
      const client = standIn.client()
      client.middlewareStack.add(
        (next) => (args) => {
          Object.assign((args.request as { readonly headers: object }).headers, { "x-of-the-user": "1" })
          return next(args)
        },
        { step: "build" }
      )
      const s3 = yield* Effect.provide(S3Objects, S3Sdk.layer({ bucket: "photos", client }))
      yield* s3.put("a", utf8("a"))
      assert.strictEqual(standIn.received[0]?.headers["x-of-the-user"], "1")
    }))

  it.scopedLive("must have an ETag in the answer if they are a part", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against(StandIn.xml(200, ""))
      const { message, reason } = yield* Effect.flip(s3.uploadPart(upload, 1, utf8("a")))
      assert.strictEqual(
        `${reason}: ${message}`,
        "Unsure: nobody knows whether it took effect (the answer has no ETag)"
      )
    }))
})

const complete = (s3: S3Objects["Type"]) => s3.complete(upload, [{ number: 1, etag: "\"e\"" }])
const copy = (s3: S3Objects["Type"]) => s3.copyPart(upload, 1, { key: "files/a", start: 0, end: 1 })

describe("an answer of 200", () => {
  it.scopedLive("that is an error fails by its code", () =>
    Effect.gen(function*() {
      const { answer, s3 } = yield* against(nothing)
      for (
        const [code, reason] of [["InternalError", "Unsure"], ["SlowDown", "SlowDown"], ["InvalidPart", "Refused"]]
      ) {
        answer(StandIn.error(200, String(code)))
        assert.strictEqual((yield* Effect.flip(complete(s3))).reason, reason)
        assert.strictEqual((yield* Effect.flip(copy(s3))).reason, reason)
      }
    }))

  it.scopedLive("that is an error with white space before and after is no success", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against(
        StandIn.xml(200, `<?xml version="1.0"?>\n\n   <Error><Code>InternalError</Code></Error>\n `)
      )
      assert.strictEqual((yield* Effect.flip(complete(s3))).reason, "Unsure")
      assert.strictEqual((yield* Effect.flip(copy(s3))).reason, "Unsure")
    }))

  it.scopedLive("that is empty, or not of S3, is no success", () =>
    Effect.gen(function*() {
      const { answer, s3 } = yield* against(nothing)
      for (const body of ["", " ", "<html></html>", "<a", "{}", "<CompleteMultipartUploadResult/>"]) {
        answer(StandIn.xml(200, body))
        assert.strictEqual((yield* Effect.flip(complete(s3))).reason, "Unsure", body)
        assert.strictEqual((yield* Effect.flip(copy(s3))).reason, "Unsure", body)
        assert.strictEqual((yield* Effect.flip(s3.createMultipart("m"))).reason, "Unsure", body)
      }
    }))

  it.scopedLive("that has an empty ETag is one, if the object is named", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against(StandIn.xml(
        200,
        "<CompleteMultipartUploadResult><Bucket>photos</Bucket><Key>files/m</Key><ETag></ETag>" +
          "</CompleteMultipartUploadResult>"
      ))
      yield* complete(s3)
    }))
})

describe("a HEAD that is answered 404", () => {
  it.scopedLive("means no object only where there is the bucket", () =>
    Effect.gen(function*() {
      const { answer, s3 } = yield* against((request, response) =>
        StandIn.xml(request.url.startsWith("/photos/files") ? 404 : 200, "")(request, response)
      )
      deepStrictEqual(yield* s3.head("files/a"), Option.none())
      // Whoever may not ask for the bucket may be told about its objects.
      answer((request, response) =>
        StandIn.xml(request.url.startsWith("/photos/files") ? 404 : 403, "")(request, response)
      )
      deepStrictEqual(yield* s3.head("files/a"), Option.none())
      answer((request, response) =>
        StandIn.xml(request.url.startsWith("/photos/files") ? 404 : 500, "")(request, response)
      )
      assert.strictEqual((yield* Effect.flip(s3.head("files/a"))).reason, "Unsure")
    }))
})

/** A call that is never answered fails at its limit, and its connection is closed. */
const limits = (title: string, seconds: number, run: (s3: S3Objects["Type"]) => Effect.Effect<unknown, S3Error>) =>
  it.scoped(`of ${title} is ${seconds} seconds`, () =>
    Effect.gen(function*() {
      const { request, s3 } = yield* against(nothing)
      const fiber = yield* Effect.fork(run(s3))
      const { closed } = yield* request(0)
      yield* TestClock.adjust((seconds - 0.001) * 1000)
      assert.isNull(yield* Effect.zipRight(Effect.yieldNow(), Fiber.poll(fiber).pipe(Effect.map(Option.getOrNull))))
      yield* TestClock.adjust(1)
      const { message, reason } = yield* Effect.flip(Fiber.join(fiber))
      assert.strictEqual(reason, "Unsure")
      assert.strictEqual(message, `nobody knows whether it took effect (no answer for ${Math.ceil(seconds)} seconds)`)
      yield* Effect.promise(() => closed)
    }))

describe("the time limit", () => {
  const MiB = 1024 * 1024
  limits("a call without bytes", 10, (s3) => s3.head("a"))
  limits("a put of 1 MiB", 14, (s3) => s3.put("a", new Uint8Array(MiB)))
  limits("a part of 8 MiB", 42, (s3) => s3.uploadPart(upload, 1, new Uint8Array(8 * MiB)))
  limits("a get of 1 MiB", 14, (s3) => Stream.runDrain(s3.get("a", { start: 0, end: MiB })))
  limits("a copy of 64 MiB", 18, (s3) => s3.copyPart(upload, 1, { key: "a", start: 0, end: 64 * MiB }))
  limits(
    "joining 1,000 parts",
    41.25,
    (s3) => s3.complete(upload, Array.from({ length: 1000 }, (_, i) => ({ number: i + 1, etag: "\"e\"" })))
  )
  limits("a call that must not be interrupted", 10, (s3) => Effect.uninterruptible(s3.head("a")))

  it.scoped("of a get does not count the time of its reader", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against((_, response) => {
        response.writeHead(206, { "content-range": "bytes 0-9/10", "content-length": "10" })
        response.write("01234", () => setTimeout(() => response.end("56789"), 20))
      })
      let seen = ""
      yield* Stream.runForEach(s3.get("a", { start: 0, end: 10 }), (bytes) => {
        seen += new TextDecoder().decode(bytes)
        return TestClock.adjust("1 hour")
      })
      assert.strictEqual(seen, "0123456789")
    }))

  it.scoped("of a get counts all waits for the store", () =>
    Effect.gen(function*() {
      const answering: Array<ServerResponse> = []
      const { request, s3 } = yield* against((_, response) => {
        answering.push(response.writeHead(206, { "content-range": "bytes 0-9/10", "content-length": "10" }))
        response.write("0")
      })
      let got = 0
      const fiber = yield* Effect.fork(
        Stream.runForEach(s3.get("a", { start: 0, end: 10 }), (bytes) =>
          Effect.sync(() => {
            got += bytes.length
          }))
      )
      const { closed } = yield* request(0)
      // Each wait is shorter than the limit.
      for (const bytes of [1, 2]) {
        yield* until(() => got >= bytes)
        yield* TestClock.adjust("6 seconds")
        answering[0]?.write(String(bytes))
      }
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber))).reason, "Unsure")
      assert.strictEqual(got, 2)
      yield* Effect.promise(() => closed)
    }))
})

describe("an interruption", () => {
  it.scopedLive("aborts the request", () =>
    Effect.gen(function*() {
      const { request, s3 } = yield* against(nothing)
      const all = calls(s3)
      for (const [i, [, call]] of all.entries()) {
        const fiber = yield* Effect.fork(call)
        const { closed } = yield* request(i)
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
        yield* Effect.promise(() => closed)
      }
    }))
})

const get = (s3: S3Objects["Type"], start: number, end: number) => {
  let seen = ""
  return Effect.map(
    Effect.either(Stream.runForEach(s3.get("a", { start, end }), (bytes) =>
      Effect.sync(() => {
        seen += new TextDecoder().decode(bytes)
      }))),
    (result) => [seen, result._tag === "Left" ? result.left.reason : "whole"]
  )
}

const part = (range: string, body: string): StandIn.Answer => StandIn.xml(206, body, { "content-range": range })

describe("a get", () => {
  it.scopedLive("has the bytes that it has asked for, or fails before it has others", () =>
    Effect.gen(function*() {
      const { answer, received, s3 } = yield* against(part("bytes 2-4/9", "234"))
      deepStrictEqual(yield* get(s3, 2, 5), ["234", "whole"])
      assert.strictEqual(received[0]?.headers.range, "bytes=2-4")
      answer(StandIn.xml(200, "012345678"))
      deepStrictEqual(yield* get(s3, 2, 5), ["", "Unsupported"])
      deepStrictEqual(yield* get(s3, 0, 5), ["", "Unsupported"])
      deepStrictEqual(yield* get(s3, 0, 9), ["012345678", "whole"])
      answer(part("bytes 3-5/9", "345"))
      deepStrictEqual(yield* get(s3, 2, 5), ["", "Unsupported"])
      answer(part("bytes 2-3/4", "23"))
      deepStrictEqual(yield* get(s3, 2, 5), ["", "Refused"])
    }))

  it.scopedLive("fails where the connection breaks, after the bytes that have come", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against((_, response) => {
        response.writeHead(206, { "content-range": "bytes 0-4/5", "content-length": "5" })
        response.write("012", () => setImmediate(() => response.destroy()))
      })
      deepStrictEqual(yield* get(s3, 0, 5), ["012", "Unsure"])
    }))
})

describe("a list", () => {
  it.scopedLive("ends where a store repeats a page for ever", () =>
    Effect.gen(function*() {
      const { answer, s3 } = yield* against(StandIn.xml(
        200,
        "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker></ListPartsResult>"
      ))
      assert.strictEqual((yield* Effect.flip(s3.parts(upload))).reason, "Unsure")
      answer(StandIn.xml(
        200,
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>"
      ))
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(s3.multiparts("")))).reason, "Unsure")
    }))
})

describe("a presigned URL", () => {
  it.scopedLive("is made without a request, for the place of the object", () =>
    Effect.gen(function*() {
      const { endpoint, received, s3 } = yield* against(nothing)
      const url = new URL(yield* s3.presign("files/a b", { seconds: 60, contentDisposition: "attachment" }))
      assert.strictEqual(url.origin + url.pathname, `${endpoint}/photos/files/a%20b`)
      assert.strictEqual(url.searchParams.get("X-Amz-Expires"), "60")
      assert.strictEqual(url.searchParams.get("X-Amz-Security-Token"), StandIn.credentials.sessionToken)
      assert.strictEqual(url.searchParams.get("response-content-disposition"), "attachment")
      assert.match(
        String(url.searchParams.get("X-Amz-Credential")),
        /^AKIDOFTHETESTS\/\d{8}\/us-east-1\/s3\/aws4_request$/
      )
      assert.strictEqual(received.length, 0)
    }))

  it.scopedLive("has the bucket in its host where the client has", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against(nothing, { endpoint: "https://s3.example.com", forcePathStyle: false })
      const url = new URL(yield* s3.presign("a", { seconds: 60 }))
      assert.strictEqual(url.origin + url.pathname, "https://photos.s3.example.com/a")
    }))

  it.scopedLive("is not made without credentials", () =>
    Effect.gen(function*() {
      const { s3 } = yield* against(nothing, { credentials: () => Promise.reject(new Error("no key\nhere")) })
      const { operation, reason } = yield* Effect.flip(s3.presign("a", { seconds: 60 }))
      assert.strictEqual(`${operation}: ${reason}`, "presign a: Unsure")
    }))
})

/** Sets the environment of this process until the scope ends. */
const environment = (variables: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = { ...process.env }
      for (const name of Object.keys(before).filter((name) => name.startsWith("AWS_"))) {
        delete process.env[name]
      }
      Object.assign(process.env, {
        AWS_CONFIG_FILE: "/dev/null",
        AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
        AWS_EC2_METADATA_DISABLED: "true",
        ...variables
      })
      return before
    }),
    (before) =>
      Effect.sync(() => {
        process.env = before
      })
  )
const keys = { AWS_ACCESS_KEY_ID: "AKIDOFTHETESTS", AWS_SECRET_ACCESS_KEY: "secret-of-tests" }
const build = (config: S3Sdk.Config) => Effect.map(Layer.build(S3Sdk.layerConfig(config)), Context.get(S3Objects))

it.scopedLive("finds credentials and region in the environment", () =>
  Effect.gen(function*() {
    yield* environment({ ...keys, AWS_REGION: "eu-test-1" })
    const { endpoint, received } = yield* StandIn.make(StandIn.xml(200, ""))
    const s3 = yield* build({ bucket: "photos", endpoint })
    yield* s3.put("a", utf8("a"))
    assert.include(received[0]?.headers.authorization, "Credential=AKIDOFTHETESTS/")
    assert.include(received[0]?.headers.authorization, "/eu-test-1/s3/")
    // By default the bucket is in the path where there is an endpoint.
    assert.include(received[0]?.url, "/photos/a")
  }))

describe("the layer", () => {
  const refused: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, S3Sdk.Config]> = [
    [`bucket: expected a text that is not empty, got ""`, keys, { bucket: "" }],
    [
      `endpoint: expected a URL such as https://s3.example.com, got "s3.example.com:443"`,
      keys,
      { bucket: "photos", endpoint: "s3.example.com:443" }
    ],
    [
      `maxConnections: expected a whole number from 1 to 10000, got "0"`,
      keys,
      { bucket: "photos", maxConnections: 0 }
    ],
    [`region: expected a region, or AWS_REGION in the environment, got "none"`, keys, { bucket: "photos" }],
    [
      `credentials: expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, a profile, or a role, ` +
      `got "none"`,
      {},
      { bucket: "photos", region: "us-east-1" }
    ]
  ]
  for (const [sentence, variables, config] of refused) {
    it.scopedLive(`fails: ${sentence}`, () =>
      Effect.gen(function*() {
        yield* environment(variables)
        assert.strictEqual((yield* Effect.flip(build(config))).message, sentence)
      }))
  }

  it.effect("refuses a bucket without a name", () =>
    Effect.gen(function*() {
      const options = { bucket: "", client: new S3Client({ region: "us-east-1" }) }
      const error = yield* Effect.flip(Layer.build(S3Sdk.layer(options)).pipe(Effect.scoped))
      assert.strictEqual(error.message, `bucket: expected a text that is not empty, got ""`)
    }))
})
