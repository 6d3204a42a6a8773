import { PutBucketLifecycleConfigurationCommand, type S3Client } from "@aws-sdk/client-s3"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { S3Sdk } from "effect-tus/s3"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { type S3Error, S3Objects } from "../../src/s3/S3Objects.js"
import { ceph, credentials } from "../support/ceph.js"
import * as Lossy from "../support/lossy.js"
import { needs } from "../support/needs.js"
import { suite } from "./objects.js"

const layer = Layer.unwrapEffect(Effect.gen(function*() {
  const { bucket, client } = yield* ceph
  return S3Sdk.layer({ bucket: yield* bucket, client: client() })
}))

const utf8 = (text: string) => new TextEncoder().encode(text)

/** The calls of a client to a bucket. */
const over = (client: S3Client, bucket: string) => Effect.provide(S3Objects, S3Sdk.layer({ client, bucket }))

/** The calls to a new bucket, through a proxy that loses what it is told to lose. */
const throughProxy = Effect.gen(function*() {
  const { bucket, client, port } = yield* ceph
  const proxy = yield* Lossy.make(port)
  const name = yield* bucket
  return { proxy, s3: yield* over(client(proxy.port), name), direct: yield* over(client(), name) }
})

/** Calls of each kind. */
const some = (s3: S3Objects["Type"]): ReadonlyArray<Effect.Effect<unknown, S3Error>> => [
  s3.put("a", utf8("a")),
  Stream.runDrain(s3.get("a", { start: 0, end: 1 })),
  s3.head("a"),
  s3.list({ prefix: "" }),
  s3.createMultipart("m"),
  Stream.runDrain(s3.multiparts("")),
  s3.abortRule("")
]

const sentences = (s3: S3Objects["Type"]) =>
  Effect.map(
    Effect.forEach(some(s3), (call) => Effect.flip(call)),
    (errors) => [...new Set(errors.map(({ message, reason }) => `${reason}: ${message}`))]
  )

const faults = () => {
  it.live("wrong credentials are one sentence", () =>
    Effect.gen(function*() {
      const { bucket, client } = yield* ceph
      const name = yield* bucket
      const denied = "Denied: the credentials are wrong, or have no right to this call"
      const wrong = client(undefined, { ...credentials, secretAccessKey: "another-secret" })
      deepStrictEqual(yield* Effect.flatMap(over(wrong, name), sentences), [
        `${denied} (SignatureDoesNotMatch)`,
        `${denied} (the answer was 403)`
      ])
      const unknown = client(undefined, { ...credentials, accessKeyId: "another-key" })
      deepStrictEqual(yield* Effect.flatMap(over(unknown, name), sentences), [
        `${denied} (InvalidAccessKeyId)`,
        `${denied} (the answer was 403)`
      ])
    }))

  it.live("a missing bucket is one sentence", () =>
    Effect.gen(function*() {
      const { client } = yield* ceph
      deepStrictEqual(yield* Effect.flatMap(over(client(), "none"), sentences), [
        "NoSuchBucket: there is no such bucket (NoSuchBucket)",
        "NoSuchBucket: there is no such bucket (the answer was 404)"
      ])
    }))

  it.live("bytes that have changed on their way are refused", () =>
    Effect.gen(function*() {
      const { bucket, client } = yield* ceph
      const flipping = client()
      flipping.middlewareStack.add(
        (next) => (args) => {
          Object.assign(args.request as object, { body: utf8("wrong") })
          return next(args)
        },
        { step: "finalizeRequest", priority: "low" }
      )
      const name = yield* bucket
      const s3 = yield* over(flipping, name)
      const direct = yield* over(client(), name)
      assert.strictEqual((yield* Effect.flip(s3.put("a", utf8("right")))).reason, "Refused")
      const upload = { key: "m", multipartId: yield* direct.createMultipart("m") }
      assert.strictEqual((yield* Effect.flip(s3.uploadPart(upload, 1, utf8("right")))).reason, "Refused")
      deepStrictEqual(yield* direct.head("a"), Option.none())
      deepStrictEqual(yield* direct.parts(upload), [])
    }))

  it.scopedLive("a lost answer is unsure: the part is there, and the object", () =>
    Effect.gen(function*() {
      const { direct, proxy, s3 } = yield* throughProxy
      const upload = { key: "m", multipartId: yield* s3.createMultipart("m") }
      proxy.loseAnswerOf("partNumber=1")
      assert.strictEqual((yield* Effect.flip(s3.uploadPart(upload, 1, utf8("part")))).reason, "Unsure")
      const parts = yield* direct.parts(upload)
      deepStrictEqual(parts.map(({ number, size }) => [number, size]), [[1, 4]])
      proxy.loseAnswerOf("POST /")
      assert.strictEqual((yield* Effect.flip(s3.complete(upload, parts))).reason, "Unsure")
      deepStrictEqual(Option.map(yield* direct.head("m"), ({ size }) => size), Option.some(4))
      proxy.loseAnswerOf("PUT /")
      assert.strictEqual((yield* Effect.flip(s3.put("a", utf8("a")))).reason, "Unsure")
      assert.isTrue(Option.isSome(yield* direct.head("a")))
      assert.strictEqual(proxy.lost(), 3)
    }))

  it.scoped("a network that loses everything is unsure after the time limit, and works again when it does", () =>
    Effect.gen(function*() {
      const { proxy, s3 } = yield* throughProxy
      yield* s3.put("a", utf8("a"))
      proxy.blackHole()
      proxy.setDead(true)
      const before = proxy.lost()
      const fiber = yield* Effect.fork(s3.head("a"))
      yield* Effect.promise(async () => {
        while (proxy.lost() === before) {
          await new Promise((resolve) => setImmediate(resolve))
        }
      })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber))).reason, "Unsure")
      proxy.setDead(false)
      assert.isTrue(Option.isSome(yield* s3.head("a")))
    }))

  it.live("a presigned URL reads the object, and nothing else", () =>
    Effect.gen(function*() {
      const s3 = yield* S3Objects
      const key = "files/ä b+c"
      yield* s3.put(key, utf8("0123456789"), { contentType: "text/x-tus" })
      const disposition = `attachment; filename="a'(b)*.txt"; filename*=UTF-8''%C3%A4`
      const url = yield* s3.presign(key, { seconds: 60, contentDisposition: disposition })
      const answer = yield* Effect.promise(() => fetch(url, { headers: { range: "bytes=2-4" } }))
      assert.strictEqual(yield* Effect.promise(() => answer.text()), "234")
      assert.strictEqual(answer.headers.get("content-disposition"), disposition)
      assert.strictEqual(answer.headers.get("content-type"), "text/x-tus")
      yield* s3.put("files/other", utf8("other"))
      const other = yield* Effect.promise(() => fetch(url.replace(/files\/[^?]+/, "files/other")))
      assert.strictEqual(other.status, 403)
    }).pipe(Effect.provide(layer)))

  it.live("the rule of the bucket is read", () =>
    Effect.gen(function*() {
      const { bucket, client } = yield* ceph
      const name = yield* bucket
      const s3 = yield* over(client(), name)
      deepStrictEqual(yield* s3.abortRule("files/"), Option.none())
      yield* Effect.promise(() =>
        client().send(
          new PutBucketLifecycleConfigurationCommand({
            Bucket: name,
            LifecycleConfiguration: {
              Rules: [{
                ID: "1",
                Status: "Enabled",
                Filter: { Prefix: "files/" },
                AbortIncompleteMultipartUpload: { DaysAfterInitiation: 3 }
              }]
            }
          })
        )
      )
      deepStrictEqual(yield* s3.abortRule("files/side/"), Option.some(3))
      deepStrictEqual(yield* s3.abortRule("other/"), Option.none())
    }))
}

needs("Ceph")("Ceph", () => {
  suite("S3Objects", layer)
  describe("faults", faults)
})
