import type { LifecycleRule } from "@aws-sdk/client-s3"
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Option from "effect/Option"
import * as AbortRule from "../../src/s3/AbortRule.js"

const rule = (days: number, more: Partial<LifecycleRule> = {}): LifecycleRule => ({
  Status: "Enabled",
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: days },
  ...more
})

const rows: ReadonlyArray<readonly [string, ReadonlyArray<LifecycleRule>, Option.Option<number>]> = [
  ["no rule", [], Option.none()],
  ["a rule for all", [rule(7)], Option.some(7)],
  ["the shortest of several", [rule(7), rule(3), rule(5)], Option.some(3)],
  ["a rule that is off", [rule(7, { Status: "Disabled" })], Option.none()],
  ["a rule for the prefix", [rule(7, { Filter: { Prefix: "files/" } })], Option.some(7)],
  ["a rule for a prefix of the prefix", [rule(7, { Filter: { Prefix: "fi" } })], Option.some(7)],
  ["a rule for some keys under the prefix", [rule(7, { Filter: { And: { Prefix: "files/a" } } })], Option.some(7)],
  ["a rule for another prefix", [rule(7, { Filter: { Prefix: "other/" } })], Option.none()],
  ["a rule in the old form", [rule(7, { Prefix: "other/" }), rule(9, { Prefix: "" })], Option.some(9)],
  ["a rule about other things", [{ Status: "Enabled", Expiration: { Days: 1 } }], Option.none()]
]

describe("the rule that drops multipart uploads", () => {
  for (const [title, rules, expected] of rows) {
    it(title, () => deepStrictEqual(AbortRule.days(rules, "files/"), expected))
  }
})
