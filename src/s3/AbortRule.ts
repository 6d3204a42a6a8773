/**
 * The rule of a bucket after which multipart uploads are dropped that have not been completed.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html
 */
import type { LifecycleRule } from "@aws-sdk/client-s3"
import * as Option from "effect/Option"

const prefixOf = (rule: LifecycleRule): string => rule.Filter?.And?.Prefix ?? rule.Filter?.Prefix ?? rule.Prefix ?? ""

/**
 * The fewest days of the rules that are on and that some key under the prefix falls under. Days count from when the
 * multipart upload began, not from its last part.
 */
export const days = (rules: ReadonlyArray<LifecycleRule>, prefix: string): Option.Option<number> =>
  rules.reduce<Option.Option<number>>((fewest, rule) => {
    const days = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation
    const of = prefixOf(rule)
    return rule.Status !== "Enabled" || days === undefined || !(prefix.startsWith(of) || of.startsWith(prefix))
      ? fewest
      : Option.some(Math.min(days, Option.getOrElse(fewest, () => days)))
  }, Option.none())
