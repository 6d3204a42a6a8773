import { PutBucketLifecycleConfigurationCommand } from "@aws-sdk/client-s3"
import { assert, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Probe, S3Sdk } from "effect-tus/s3"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { S3Error, S3Objects } from "../../src/s3/S3Objects.js"
import { ceph } from "../support/ceph.js"
import { needs } from "../support/needs.js"

type S3 = S3Objects["Type"]

const fails = (reason: S3Error["reason"]) => new S3Error({ reason, operation: "test", message: "told to fail" })

/** A store over a new bucket of Ceph, and the bucket itself. */
const over = (change: (s3: S3) => Partial<S3> = () => ({})) =>
  Effect.gen(function*() {
    const { bucket, client } = yield* ceph
    const name = yield* bucket
    const direct = yield* Effect.provide(S3Objects, S3Sdk.layer({ bucket: name, client: client() }))
    const s3: S3 = { ...direct, ...change(direct) }
    return { name, client: client(), direct, probe: Effect.provideService(Probe.run("files/"), S3Objects, s3) }
  })

/** The bucket must be empty. */
const isEmpty = (s3: S3) =>
  Effect.gen(function*() {
    deepStrictEqual(yield* s3.list({ prefix: "" }), [])
    assert.strictEqual(yield* Stream.runCount(s3.multiparts("")), 0)
  })

const rgw: Probe.Capabilities = {
  copies: true,
  lists: true,
  equalParts: false,
  mostParts: 10_000,
  strays: "refused",
  abortRule: "never"
}

/** Other stores are Ceph with a peculiarity. */
const others: ReadonlyArray<readonly [string, (s3: S3) => Partial<S3>, Partial<Probe.Capabilities>]> = [
  ["Ceph RGW", () => ({}), {}],
  ["a store that does not have part copies", () => ({ copyPart: () => fails("Unsupported") }), { copies: false }],
  ["a store that takes no notice of what to copy", (s3) => ({
    copyPart: (to, number) => s3.uploadPart(to, number, new Uint8Array(0))
  }), { copies: false }],
  ["a store that says nothing of what it has copied", (s3) => ({
    copyPart: (to, number) => Effect.zipRight(s3.uploadPart(to, number, new Uint8Array(0)), fails("Unsure"))
  }), { copies: false }],
  ["a store whose answer to a copy is lost", (s3) => ({
    copyPart: (to, number, source) => Effect.zipRight(s3.copyPart(to, number, source), fails("Unsure"))
  }), {}],
  ["OpenStack Swift, which takes 1,000 parts", (s3) => ({
    uploadPart: (to, number, bytes) => number > 1000 ? fails("Refused") : s3.uploadPart(to, number, bytes)
  }), { mostParts: 1000 }],
  ["R2, which wants equal parts", (s3) => ({
    complete: (upload, parts) =>
      Effect.flatMap(s3.parts(upload), (all) =>
        new Set(all.slice(0, -1).map(({ size }) => size)).size > 1
          ? Effect.fail(fails("Refused"))
          : s3.complete(upload, parts))
  }), { equalParts: true }],
  ["AWS, which drops parts that are not listed", (s3) => ({
    uploadPart: (to, number, bytes) => number > 3 ? Effect.succeed("\"e\"") : s3.uploadPart(to, number, bytes)
  }), { strays: "dropped" }],
  ["credentials that may list nothing but objects", () => ({
    multiparts: () => Stream.fail(fails("Denied")),
    abortRule: () => fails("Denied")
  }), { lists: false, abortRule: "unknown" }],
  [
    "a store that lists no multipart uploads",
    () => ({ multiparts: () => Stream.empty, abortRule: () => Effect.succeedNone }),
    { lists: false }
  ]
]

/** Each of these the byte store cannot do without. */
const useless: ReadonlyArray<readonly [string, (s3: S3) => Partial<S3>]> = [
  ["an object has not the size or the metadata that it was given", (s3) => ({
    head: (key) => Effect.map(s3.head(key), Option.map((found) => ({ ...found, metadata: {} })))
  })],
  ["an object has not the bytes that it was given", () => ({ get: () => Stream.make(new Uint8Array(1)) })],
  ["a list lacks an object that was just put", () => ({ list: () => Effect.succeed([]) })]
]

/** Fails the call of this number with `SlowDown`, before it takes effect. */
const failing = (number: number) => {
  let calls = 0
  const counted =
    <Args extends ReadonlyArray<unknown>, A>(call: (...args: Args) => Effect.Effect<A, S3Error>) =>
    (...args: Args): Effect.Effect<A, S3Error> =>
      Effect.suspend(() => ++calls === number ? Effect.fail(fails("SlowDown")) : call(...args))
  const change = (s3: S3): Partial<S3> => {
    return {
      put: counted(s3.put),
      head: counted(s3.head),
      list: counted(s3.list),
      createMultipart: counted(s3.createMultipart),
      uploadPart: counted(s3.uploadPart),
      copyPart: counted(s3.copyPart),
      parts: counted(s3.parts),
      complete: counted(s3.complete),
      abortRule: counted(s3.abortRule)
    }
  }
  return { change, calls: () => calls }
}

needs("Ceph")("the probe", () => {
  for (const [title, change, expected] of others) {
    it.live(`knows ${title}, and leaves nothing behind`, () =>
      Effect.gen(function*() {
        const { direct, probe } = yield* over(change)
        deepStrictEqual(yield* probe, { ...rgw, ...expected })
        yield* isEmpty(direct)
      }))
  }

  for (const [sentence, change] of useless) {
    it.live(`refuses a store: ${sentence}`, () =>
      Effect.gen(function*() {
        const { direct, probe } = yield* over(change)
        const { message, reason } = yield* Effect.flip(probe)
        assert.strictEqual(
          `${reason}: ${message}`,
          `Unsupported: the store does not have this call (${sentence})`
        )
        yield* isEmpty(direct)
      }))
  }

  it.live("reads the rule of the bucket for its prefix", () =>
    Effect.gen(function*() {
      const { client, name, probe } = yield* over()
      const Rules = [{
        ID: "1",
        Status: "Enabled" as const,
        Filter: { Prefix: "files/" },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 3 }
      }]
      yield* Effect.promise(() =>
        client.send(new PutBucketLifecycleConfigurationCommand({ Bucket: name, LifecycleConfiguration: { Rules } }))
      )
      assert.strictEqual((yield* probe).abortRule, 3)
    }))

  it.live("guesses nothing where a call fails for now, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const all = failing(Infinity)
      yield* Effect.flatMap(over(all.change), ({ probe }) => probe)
      assert.isAbove(all.calls(), 10)
      for (let number = 1; number <= all.calls(); number++) {
        const { direct, probe } = yield* over(failing(number).change)
        assert.strictEqual((yield* Effect.flip(probe)).reason, "SlowDown", `call ${number}`)
        yield* isEmpty(direct)
      }
    }))

  it.live("fails with the failure of the first call: no bucket, no rights", () =>
    Effect.gen(function*() {
      const { client } = yield* ceph
      const layer = S3Sdk.layer({ bucket: "none", client: client() })
      const error = yield* Effect.flip(Effect.provide(Probe.run(""), layer))
      assert.strictEqual((error as S3Error).reason, "NoSuchBucket")
    }))
})
