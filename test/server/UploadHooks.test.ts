import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Refusal, Upload, UploadRegistry } from "effect-tus"
import { type TusPolicy, TusSweeper, UploadHooks } from "effect-tus/server"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { octets } from "../support/exchange.js"
import { bodyOf, create, head, patch, request } from "../support/memory.js"
import { idOf } from "../support/uploads.js"
import { server } from "./doors.js"

const hooked = (hooks: UploadHooks.Hooks, policy?: TusPolicy.Options) =>
  Layer.provideMerge(server(policy), Layer.succeed(UploadHooks.UploadHooks, hooks))

const ofAnn = { authorization: "Bearer ann" }
const ofBob = { authorization: "Bearer bob" }

const unknown = new Refusal.Denied({
  status: 401,
  reason: "expected a bearer token",
  headers: { "www-authenticate": "Bearer" }
})

/** The token is the name of its user. */
const owned = UploadHooks.owned(({ headers }) =>
  Option.match(Option.fromNullable(headers.authorization?.replace("Bearer ", "")), {
    onNone: () => Effect.fail(unknown),
    onSome: Effect.succeed
  })
)

const concat = (parts: string, who: object) => request("POST", "/files", { "upload-concat": `final;${parts}`, ...who })

/** The warnings that are logged while `self` runs. */
const warnings = <A, E, R>(self: Effect.Effect<A, E, R>) => {
  const logged: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    if (logLevel._tag === "Warning") {
      logged.push(String(message))
    }
  })
  return Effect.as(Effect.provide(self, Logger.add(logger)), logged)
}

describe("authorize", () => {
  it.effect("an upload is accessible only to its creator, with every method", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3", ...ofAnn })
      for (
        const [method, headers] of [
          ["HEAD", {}],
          ["PATCH", { ...octets, "upload-offset": "0" }],
          ["POST", { ...octets, "upload-offset": "0", "x-http-method-override": "PATCH" }],
          ["DELETE", {}]
        ] as const
      ) {
        const body = () => bodyOf(method === "PATCH" || method === "POST" ? "abc" : "")
        const nobody = yield* request(method, path, headers, body())
        deepStrictEqual([nobody.status, nobody.headers["www-authenticate"]], [401, "Bearer"])
        assert.strictEqual((yield* request(method, path, { ...headers, ...ofBob }, body())).status, 403)
      }
      assert.strictEqual((yield* patch(path, 0, "abc", ofAnn)).status, 204)
      assert.strictEqual((yield* request("HEAD", path, ofAnn)).headers["upload-offset"], "3")
      assert.strictEqual((yield* request("DELETE", path, ofAnn)).status, 204)
    }).pipe(Effect.provide(hooked(owned))))

  it.effect("a creation without a known user is refused, and leaves nothing behind", () =>
    Effect.gen(function*() {
      const refused = yield* request("POST", "/files", { "upload-length": "3", ...octets }, bodyOf("abc"))
      deepStrictEqual([refused.status, refused.body], [401, "expected a bearer token\n"])
      deepStrictEqual(yield* (yield* UploadRegistry.UploadRegistry).usage, { uploads: 0, bytes: 0 })
    }).pipe(Effect.provide(hooked(owned))))

  it.effect("authorize runs for each part of a final", () =>
    Effect.gen(function*() {
      const partial = { "upload-length": "3", "upload-concat": "partial", ...octets }
      const [ann, bob] = yield* Effect.forEach([ofAnn, ofBob], (who) =>
        Effect.map(request("POST", "/files", { ...partial, ...who }, bodyOf("abc")), ({ headers }) =>
          headers.location))
      assert.strictEqual((yield* concat(`${ann} ${bob}`, ofAnn)).status, 403)
      assert.strictEqual((yield* concat(`${ann} ${ann}`, ofAnn)).status, 201)
    }).pipe(Effect.provide(hooked(owned))))

  it.effect("a refused request does not disturb a running one", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "6", ...ofAnn })
      const more = yield* Deferred.make<void>()
      const body = bodyOf("abc")
      const running = yield* Effect.fork(
        patch(path, 0, { ...body, pull: Effect.zipLeft(body.pull, Deferred.await(more)) }, ofAnn)
      )
      yield* Effect.yieldNow()
      assert.strictEqual((yield* patch(path, 0, "xyz", ofBob)).status, 403)
      assert.strictEqual((yield* request("DELETE", path, ofBob)).status, 403)
      yield* Deferred.succeed(more, undefined)
      const answer = yield* Fiber.join(running)
      deepStrictEqual([answer.status, answer.headers["upload-offset"]], [204, "3"])
    }).pipe(Effect.provide(hooked(owned))))

  it.effect("authorize runs before a byte of the body is read", () => {
    let pulls = 0
    return Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      const body = bodyOf("abc")
      const counted = { ...body, pull: Effect.zipRight(Effect.sync(() => pulls++), body.pull) }
      assert.strictEqual((yield* patch(path, 0, counted)).status, 402)
      assert.strictEqual(pulls, 0)
    }).pipe(Effect.provide(hooked({
      authorize: (intent) =>
        intent === "Append" ? new Refusal.Denied({ status: 402, reason: "first you pay" }) : Effect.void
    })))
  })

  it.effect("authorize receives the intent and the request", () => {
    const seen: Array<unknown> = []
    return Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3", "upload-metadata": "filename eA==" })
      yield* head(path)
      yield* request("OPTIONS", path)
      deepStrictEqual(seen, [["Create", 3, "filename eA==", "/files"], ["Inspect", 3, "filename eA==", path]])
    }).pipe(Effect.provide(hooked({
      authorize: (intent, { length, metadata }, { url }) =>
        Effect.sync(() => void seen.push([intent, Option.getOrNull(length), Option.getOrNull(metadata), url]))
    })))
  })
})

describe("onCreate", () => {
  it.effect("may choose the id, the metadata and the expiry of a new upload", () => {
    const id = Upload.UploadId.make("chosen-by-the-application")
    const end = DateTime.unsafeMake(100_000)
    return Effect.gen(function*() {
      const answer = yield* request(
        "POST",
        "/files",
        { "upload-length": "6", "upload-metadata": "filename eA==", ...octets },
        bodyOf("abc")
      )
      deepStrictEqual([answer.status, answer.headers.location], [201, `/files/${id}`])
      const path = `/files/${id}`
      const told = { "upload-metadata": "filename eQ==", "upload-expires": "Thu, 01 Jan 1970 00:01:40 GMT" }
      assert.deepInclude((yield* head(path)).headers, { ...told, "upload-offset": "3" })
      // More bytes do not renew an expiry that a hook gave.
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* patch(path, 3, "d")).headers["upload-expires"], told["upload-expires"])
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual((yield* head(path)).status, 410)
    }).pipe(Effect.provide(hooked(
      { onCreate: () => Effect.succeed({ id, metadata: "filename eQ==", expiresAt: Option.some(end) }) },
      { expiresAfter: "1 hour" }
    )))
  })

  it.effect("may create an upload that never expires", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "6" })
      yield* patch(path, 0, "abc")
      assert.isUndefined((yield* head(path)).headers["upload-expires"])
    }).pipe(Effect.provide(hooked(
      { onCreate: () => Effect.succeed({ expiresAt: Option.none() }) },
      { expiresAfter: "1 hour" }
    ))))

  it.effect("is refused for an id that exists, and the existing upload stays as it is", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "6" })
      yield* patch(path, 0, "abc")
      for (const body of ["", "xyz"]) {
        const again = yield* request(
          "POST",
          "/files",
          { "upload-length": "6", "content-length": String(body.length), ...(body === "" ? {} : octets) },
          bodyOf(body)
        )
        deepStrictEqual([again.status, again.body], [409, `the id ${idOf(path)} is taken\n`])
      }
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "3")
    }).pipe(Effect.provide(hooked({ onCreate: () => Effect.succeed({ id: Upload.UploadId.make("i".repeat(22)) }) }))))

  it.effect("may refuse, and nothing is left", () =>
    Effect.gen(function*() {
      const answer = yield* request("POST", "/files", { "upload-length": "3", ...octets }, bodyOf("abc"))
      deepStrictEqual([answer.status, answer.headers["retry-after"], answer.body], [429, "60", "not so many\n"])
      deepStrictEqual(yield* (yield* UploadRegistry.UploadRegistry).usage, { uploads: 0, bytes: 0 })
    }).pipe(Effect.provide(hooked({
      onCreate: () => new Refusal.Denied({ status: 429, reason: "not so many", headers: { "retry-after": "60" } })
    }))))

  it.effect("metadata with a line break are a defect of the application", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* request("POST", "/files", { "upload-length": "3" })).status, 500)
      deepStrictEqual(yield* (yield* UploadRegistry.UploadRegistry).usage, { uploads: 0, bytes: 0 })
    }).pipe(
      Effect.provide(hooked({ onCreate: () => Effect.succeed({ metadata: "a\r\nset-cookie: b" }) })),
      Effect.provide(Logger.remove(Logger.defaultLogger))
    ))
})

describe("onComplete", () => {
  const receipt = hooked({
    onComplete: ({ id }) => Effect.succeed({ headers: { "x-receipt": id, "upload-offset": "9" }, body: "thank you" })
  })

  it.effect("adds to the response with which an upload completes, but replaces nothing in it", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      const answer = yield* patch(path, 0, "abc")
      deepStrictEqual([answer.status, answer.body, answer.headers["x-receipt"]], [200, "thank you", idOf(path)])
      assert.strictEqual(answer.headers["upload-offset"], "3")
    }).pipe(Effect.provide(receipt)))

  it.effect("adds to a creation that is complete at once, and to the creation of a final that is assembled at once", () =>
    Effect.gen(function*() {
      const whole = yield* request("POST", "/files", { "upload-length": "3", ...octets }, bodyOf("abc"))
      deepStrictEqual([whole.status, whole.body], [201, "thank you"])
      const partial = { "upload-length": "3", "upload-concat": "partial", ...octets }
      const part = yield* request("POST", "/files", partial, bodyOf("abc"))
      deepStrictEqual([part.status, part.body], [201, undefined])
      const final = yield* request("POST", "/files", { "upload-concat": `final;${part.headers.location}` })
      deepStrictEqual([final.status, final.body], [201, "thank you"])
    }).pipe(Effect.provide(receipt)))

  it.effect("what it adds is stored, and sent again to a PATCH without bytes from a client that lost the response", () => {
    let runs = 0
    return Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      const answer = yield* patch(path, 0, "abc")
      deepStrictEqual([answer.status, answer.body, answer.headers["x-receipt"]], [200, "{}", idOf(path)])
      deepStrictEqual(yield* patch(path, 3, ""), answer)
      deepStrictEqual(yield* patch(path, 3, "", { "content-length": "0" }), answer)
      for (const other of [yield* head(path), yield* patch(path, 2, ""), yield* patch(path, 3, "d")]) {
        assert.strictEqual(other.headers["x-receipt"], undefined)
      }
      assert.strictEqual(runs, 1)
    }).pipe(Effect.provide(hooked({
      onComplete: ({ id }) =>
        Effect.sync(() => {
          runs++
          return { headers: { "x-receipt": id, "content-type": "application/json" }, body: "{}" }
        })
    })))
  })

  it.effect("what it adds is stored also for an upload that was created whole, or that the server has finished by itself", () => {
    let runs = 0
    return Effect.gen(function*() {
      const whole = yield* request("POST", "/files", { "upload-length": "3", ...octets }, bodyOf("abc"))
      const again = yield* patch(whole.headers.location ?? "", 3, "")
      deepStrictEqual([whole.status, again.status, again.body], [201, 200, "1"])

      const path = yield* create({ "upload-length": "3" })
      const running = yield* Effect.fork(patch(path, 0, "abc"))
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* Fiber.join(running)).status, 503)
      yield* Effect.flatMap(TusSweeper.make, ({ sweep }) => sweep())
      deepStrictEqual((yield* patch(path, 3, "")).body, "3")
    }).pipe(Effect.provide(hooked({
      onComplete: () => Effect.suspend(() => ++runs === 2 ? Effect.never : Effect.succeed({ body: `${runs}` })),
      timeLimit: "5 seconds"
    })))
  })

  const unstorable = [
    [{ headers: { "set-cookie": "a=s3cret" }, body: "thank you" }, "the field set-cookie is not among those"],
    [{ headers: { location: "/a?s3cret" } }, "the URL in location has a query, a fragment or a user"],
    [{ body: "a".repeat(65_536) }, "it takes 65560 bytes, more than 65536"]
  ] as const
  for (const [addition, why] of unstorable) {
    it.effect(`what cannot be stored is sent once, and a warning says why: ${why}`, () =>
      Effect.gen(function*() {
        const path = yield* create({ "upload-length": "3" })
        const logged = yield* warnings(Effect.gen(function*() {
          const answer = yield* patch(path, 0, "abc")
          deepStrictEqual(answer.body, "body" in addition ? addition.body : undefined)
          assert.include(answer.headers, "headers" in addition ? addition.headers : {})
          const again = yield* patch(path, 3, "")
          deepStrictEqual([again.status, again.body], [204, undefined])
        }))
        assert.strictEqual(logged.length, 1)
        assert.include(logged[0], `${idOf(path)} cannot be told again: ${why}`)
        assert.notInclude(logged[0], "s3cret")
      }).pipe(Effect.provide(hooked({ onComplete: () => Effect.succeed(addition) }))))
  }

  it.effect("what it adds is not stored for a final, because a final accepts no PATCH", () =>
    Effect.gen(function*() {
      const partial = { "upload-length": "3", "upload-concat": "partial", ...octets }
      const part = yield* request("POST", "/files", partial, bodyOf("abc"))
      const path = yield* create({ "upload-concat": `final;${part.headers.location}` })
      assert.strictEqual((yield* patch(path, 3, "")).status, 403)
      const stored = Option.getOrThrow(yield* (yield* UploadRegistry.UploadRegistry).get(idOf(path)))
      deepStrictEqual(stored.upload.completion._tag === "Complete" && stored.upload.completion.answer, Option.none())
    }).pipe(Effect.provide(hooked({ onComplete: () => Effect.succeed({ body: "thank you" }) }))))
})

describe("onTerminate and onExpire", () => {
  it.effect("run before an upload is removed, but not for partial uploads", () => {
    const seen: Array<string> = []
    return Effect.gen(function*() {
      const sweeper = yield* TusSweeper.make
      for (const concat of [{}, { "upload-concat": "partial" }]) {
        const terminated = yield* create({ "upload-length": "3", ...concat })
        yield* request("DELETE", terminated)
        const expired = yield* create({ "upload-length": "3", ...concat })
        yield* TestClock.adjust("1 hour")
        yield* sweeper.sweep()
        assert.strictEqual((yield* head(expired)).status, 404)
        deepStrictEqual(
          seen.splice(0),
          "upload-concat" in concat ? [] : [`- ${idOf(terminated)}`, `x ${idOf(expired)}`]
        )
      }
    }).pipe(Effect.provide(hooked({
      onTerminate: ({ id }) => Effect.sync(() => void seen.push(`- ${id}`)),
      onExpire: ({ id }) => Effect.sync(() => void seen.push(`x ${id}`))
    }, { expiresAfter: "1 hour" })))
  })

  it.effect("onTerminate may refuse a termination", () =>
    Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      assert.strictEqual((yield* request("DELETE", path)).status, 403)
      assert.strictEqual((yield* head(path)).status, 200)
    }).pipe(Effect.provide(hooked({
      onTerminate: () => new Refusal.Denied({ status: 403, reason: "what is here stays here" })
    }))))

  it.effect("an upload whose onExpire fails stays until the next sweep", () => {
    let runs = 0
    return Effect.gen(function*() {
      const sweeper = yield* TusSweeper.make
      yield* create({ "upload-length": "3" })
      yield* TestClock.adjust("1 hour")
      const { usage } = yield* UploadRegistry.UploadRegistry
      yield* sweeper.sweep()
      assert.strictEqual((yield* usage).uploads, 1)
      yield* sweeper.sweep()
      assert.strictEqual((yield* usage).uploads, 0)
    }).pipe(
      Effect.provide(hooked(
        { onExpire: () => (++runs === 1 ? Effect.die("boom") : Effect.void) },
        { expiresAfter: "1 hour" }
      )),
      Effect.provide(Logger.remove(Logger.defaultLogger))
    )
  })
})

describe("a hook that hangs", () => {
  const hanging: Array<[name: string, hooks: UploadHooks.Hooks]> = [
    ["authorize", { authorize: () => Effect.never }],
    ["onCreate", { onCreate: () => Effect.never }],
    ["onComplete", { onComplete: () => Effect.never }],
    ["onComplete", { onComplete: () => Effect.uninterruptible(Effect.never) }]
  ]
  for (const [name, hooks] of hanging) {
    it.effect(`${name} fails after its time limit, and the request may be repeated`, () =>
      Effect.gen(function*() {
        const running = yield* Effect.fork(
          request("POST", "/files", { "upload-length": "3", ...octets }, bodyOf("abc"))
        )
        yield* TestClock.adjust("4999 millis")
        yield* Effect.yieldNow()
        assert.isTrue(Option.isNone(yield* Fiber.poll(running)))
        yield* TestClock.adjust("1 millis")
        const { body, headers, status } = yield* Fiber.join(running)
        deepStrictEqual([status, headers["retry-after"], body], [
          503,
          "1",
          `${name} did not decide within 5s; try again\n`
        ])
        deepStrictEqual(yield* (yield* UploadRegistry.UploadRegistry).usage, { uploads: 0, bytes: 0 })
      }).pipe(Effect.provide(hooked({ ...hooks, timeLimit: "5 seconds" }))))
  }

  it.effect("onComplete keeps all bytes, and runs again", () => {
    let runs = 0
    return Effect.gen(function*() {
      const sweeper = yield* TusSweeper.make
      const path = yield* create({ "upload-length": "3" })
      const running = yield* Effect.fork(patch(path, 0, "abc"))
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual((yield* Fiber.join(running)).status, 503)
      assert.strictEqual((yield* head(path)).status, 423)
      yield* sweeper.sweep()
      assert.strictEqual((yield* head(path)).headers["upload-offset"], "3")
      assert.strictEqual(runs, 2)
    }).pipe(Effect.provide(hooked({ onComplete: () => (++runs === 1 ? Effect.never : Effect.void) })))
  })
})
