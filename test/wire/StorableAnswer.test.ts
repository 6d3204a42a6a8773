import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { type Addition, FinalAnswer, StorableAnswer } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const decode = Schema.decodeUnknownEither(FinalAnswer.FromJson)

/** A body of such a length that the encoded answer has this many bytes. */
const bodyOf = (bytes: number) => "a".repeat(bytes - JSON.stringify({ headers: {}, body: "" }).length)

describe("StorableAnswer", () => {
  const storable: ReadonlyArray<readonly [title: string, Addition.Addition]> = [
    ["a body alone", { body: "done" }],
    ["an empty body", { body: "" }],
    ["headers that describe a body", {
      headers: { "content-type": "application/json", "content-language": "de" },
      body: "{}"
    }],
    ["a version", { headers: { etag: "\"1\"", "last-modified": "Sun, 29 Nov 2026 08:00:00 GMT" } }],
    ["a URL of a path", { headers: { location: "/documents/1", "content-location": "https://a.b/documents/@ann/1" } }],
    ["x- fields of the application", {
      headers: { "x-scan": "clean", "x-document-id": "1", "x-note": "and/or, why?", "x-url": "/a" }
    }],
    ["64 KiB", { body: bodyOf(FinalAnswer.maxBytes) }]
  ]
  for (const [title, addition] of storable) {
    it(`stores ${title}`, () => {
      const answer = Option.getOrThrow(Either.getOrThrow(StorableAnswer.of(addition)))
      deepStrictEqual<unknown>(answer, { headers: {}, ...addition })
      deepStrictEqual(decode(FinalAnswer.encode(answer)), Either.right(answer))
    })
  }

  const refused: ReadonlyArray<readonly [title: string, Addition.Addition, reason: RegExp]> = [
    ["credentials", { headers: { authorization: "Bearer s3cret" } }, /^the field authorization is not among/],
    ["cookies", { headers: { "set-cookie": "id=s3cret", "x-scan": "clean" } }, /^the field set-cookie is not/],
    ["a field of an unknown meaning", { headers: { "retry-after": "s3cret" } }, /^the field retry-after is not/],
    ["an x- field with a key", { headers: { "x-api-key": "s3cret" } }, /^the field x-api-key is not/],
    ["an x- field with a token", { headers: { "x-auth-token": "s3cret" } }, /^the field x-auth-token is/],
    ["a name that every object has", { headers: { constructor: "s3cret" } }, /^the field constructor is not/],
    ["a query", { headers: { location: "/documents/1?signature=s3cret" } }, /^the URL in location has a query/],
    ["a fragment", { headers: { "content-location": "/documents/1#s3cret" } }, /^the URL in content-location has/],
    [
      "an x- field with a query",
      { headers: { "x-link": "see https://a.b/1?sig=s3cret" } },
      /x-link has a query/
    ],
    [
      "an x- field with a user and a password",
      { headers: { "x-link": "https://ann:s3cret@a.b/" } },
      /x-link has .* a user/
    ],
    ["a password", { headers: { location: "https://ann:s3cret@a.b/1" } }, /^the URL in location has .* a user/],
    ["more than 64 KiB", { body: bodyOf(FinalAnswer.maxBytes + 1) }, /^it takes 65537 bytes, more than 65536$/],
    ["more than 64 KiB in all", { headers: { "x-a": "a".repeat(40_000) }, body: "ä".repeat(20_000) }, /^it takes 80/]
  ]
  for (const [title, addition, reason] of refused) {
    it(`does not store ${title}, and the reason does not quote it`, () => {
      const objection = Either.getOrThrow(Either.flip(StorableAnswer.of(addition)))
      assert.match(objection, reason)
      assert.notInclude(objection, "s3cret")
    })
  }

  it("is refused if it is read with more than 64 KiB", () => {
    assert.isTrue(Either.isRight(decode(JSON.stringify({ headers: {}, body: bodyOf(FinalAnswer.maxBytes) }))))
    assert.isTrue(Either.isLeft(decode(JSON.stringify({ headers: {}, body: bodyOf(FinalAnswer.maxBytes + 1) }))))
  })

  it("is Option.none if nothing was added", () => {
    deepStrictEqual(StorableAnswer.of({}), Either.right(Option.none()))
    deepStrictEqual(StorableAnswer.of({ headers: {} }), Either.right(Option.none()))
  })

  it("is refused if it is read with a line break in a field", () => {
    assert.isTrue(Either.isLeft(decode(`{"headers":{"x-a":"b\\r\\nset-cookie: c"}}`)))
  })

  it("has a reason for every field that it does not store", () => {
    deepStrictEqual(Object.values(StorableAnswer.fields).filter(({ reason }) => reason === ""), [])
  })

  it.prop("is read as it was stored", [FastCheck.string({ unit: "binary" })], ([body]) => {
    const answer = Option.getOrThrow(Either.getOrThrow(StorableAnswer.of({ headers: { "x-a": "b" }, body })))
    deepStrictEqual(decode(FinalAnswer.encode(answer)), Either.right({ headers: { "x-a": "b" }, body }))
  })
})
