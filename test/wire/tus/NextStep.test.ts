import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NextStep } from "effect-tus"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"

const now = DateTime.unsafeMake("2026-01-01T00:00:00Z")

const verbs: ReadonlyArray<NextStep.Verb> = [
  "Discover",
  "Create",
  "CreateWithUpload",
  "Concat",
  "Inspect",
  "Append",
  "Terminate"
]

const after = (verb: NextStep.Verb, status: number, retryAfter?: string) =>
  NextStep.classify(verb, NextStep.Result.Answered({ status, retryAfter }), now)

const delays = (next: NextStep.Next) =>
  next._tag === "RetryAfter" ? Option.map(next.delay, Duration.toSeconds) : Option.none()

type Row = readonly [title: string, statuses: ReadonlyArray<number>, verbs: ReadonlyArray<NextStep.Verb>, next: string]

const table: ReadonlyArray<Row> = [
  ["a success continues", [200, 201, 204, 299], verbs, "Continue"],
  ["401 asks for new headers", [401], verbs, "Refresh"],
  ["an upload that is gone is created anew", [404, 410], ["Inspect", "Append"], "Recreate"],
  ["an upload that is gone is terminated", [404, 410], ["Terminate"], "Continue"],
  [
    "a missing endpoint is final",
    [404, 410],
    ["Discover", "Create", "CreateWithUpload", "Concat"],
    "Fail"
  ],
  ["a conflict about the offset leads to a HEAD", [409], ["Append"], "Resync"],
  [
    "a conflict about anything else is final",
    [409],
    ["Create", "CreateWithUpload", "Concat", "Inspect", "Terminate"],
    "Fail"
  ],
  ["a body that is too large leads to smaller bodies", [413], ["Append", "CreateWithUpload"], "Shrink"],
  ["an upload that is too large fails", [413], ["Create", "Concat", "Inspect"], "Fail"],
  ["bytes that arrived damaged are sent again", [460], ["Append", "CreateWithUpload"], "RetryAfter"],
  ["a checksum mismatch without bytes fails", [460], ["Create", "Inspect"], "Fail"],
  ["a temporary failure is retried", [408, 423, 425, 429, 500, 501, 502, 503, 504, 507, 599], verbs, "RetryAfter"],
  ["every other refusal is final", [400, 402, 403, 405, 406, 411, 412, 415, 418, 422, 431, 451], verbs, "Fail"],
  ["a redirect is not followed", [300, 301, 302, 303, 307, 308], verbs, "Fail"]
]

describe("NextStep", () => {
  for (const [title, statuses, among, next] of table) {
    it(title, () => {
      for (const verb of among) {
        for (const status of statuses) {
          assert.strictEqual(after(verb, status)._tag, next, `${verb} ${status}`)
        }
      }
    })
  }

  it("a network failure is retried if it may pass, and only then", () => {
    for (const verb of verbs) {
      assert.strictEqual(NextStep.classify(verb, NextStep.Result.Unanswered({ passing: true }), now)._tag, "RetryAfter")
      assert.strictEqual(NextStep.classify(verb, NextStep.Result.Unanswered({ passing: false }), now)._tag, "Fail")
    }
  })

  it.prop("every status has a next step", [
    FastCheck.constantFrom(...verbs),
    FastCheck.integer({ min: 100, max: 599 })
  ], (
    [verb, status]
  ) => {
    const next = after(verb, status)
    // An upload counts as lost only if its absence is proven.
    assert.isTrue(next._tag !== "Recreate" || status === 404 || status === 410)
    assert.isTrue(next._tag !== "Continue" || status < 300 || verb === "Terminate")
    assert.isTrue(status < 500 || next._tag === "RetryAfter")
  })

  it("Retry-After is read in seconds and as a date", () => {
    deepStrictEqual(delays(after("Inspect", 503, "120")), Option.some(120))
    deepStrictEqual(delays(after("Append", 429, " 7 ")), Option.some(7))
    deepStrictEqual(delays(after("Create", 423, "0")), Option.some(0))
    deepStrictEqual(delays(after("Append", 503, "Thu, 01 Jan 2026 00:01:00 GMT")), Option.some(60))
  })

  it("a Retry-After in the past means no delay", () => {
    deepStrictEqual(delays(after("Append", 503, "Wed, 31 Dec 2025 23:59:00 GMT")), Option.some(0))
  })

  it("a Retry-After date is compared with the Date of the response, or with the clock of the client if there is none", () => {
    const there = { status: 503, retryAfter: "Sat, 03 Jan 2026 00:01:00 GMT" }
    const classify = (date: string | undefined) =>
      delays(NextStep.classify("Append", NextStep.Result.Answered({ ...there, date }), now))
    deepStrictEqual(classify("Sat, 03 Jan 2026 00:00:00 GMT"), Option.some(60))
    deepStrictEqual(classify("Fri, 03 Jan 2020 00:00:00 GMT"), Option.some(3600))
    deepStrictEqual(["yesterday", undefined].map(classify), [Option.some(3600), Option.some(3600)])
  })

  it("a delay is one hour at most", () => {
    const long = ["3600", "3601", "99999999", "9".repeat(400), "Fri, 31 Dec 9999 23:59:59 GMT"]
    deepStrictEqual(long.map((header) => delays(after("Append", 503, header))), long.map(() => Option.some(3600)))
  })

  it("an invalid Retry-After is ignored", () => {
    for (const header of ["", "soon", "-1", "1.5", "1e3", undefined]) {
      deepStrictEqual(delays(after("Append", 503, header)), Option.none())
    }
  })
})
