/**
 * What a client does next, after every answer and every failure: one total table. It knows no attempt, no clock but the
 * one it is given, and no budget: how often and how long is the caller's schedule.
 */
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Header from "../Header.js"

/** What the client was doing. `CreateWithUpload` is a creation that brings bytes along. */
export type Verb = "Discover" | "Create" | "CreateWithUpload" | "Concat" | "Inspect" | "Append" | "Terminate"

/** What came of it. */
export type Result = Data.TaggedEnum<{
  /** With the fields `Retry-After` and `Date`, as they were sent. */
  Answered: { readonly status: number; readonly retryAfter?: string | undefined; readonly date?: string | undefined }
  /** No answer. `passing` where the next attempt may fare better. */
  Unanswered: { readonly passing: boolean }
}>
export const Result = Data.taggedEnum<Result>()

/**
 * The step that follows a `Result`. Whether there is an attempt left to pay for it is for the caller to know, and so is
 * what "once" means.
 */
export type Next = Data.TaggedEnum<{
  /** It is done. */
  Continue: {}
  /** Ask by HEAD where the upload stands and go on from there, at once. */
  Resync: {}
  /** The upload is gone: forget it and create another, once. */
  Recreate: {}
  /** Evaluate the request's headers anew and try again, once. */
  Refresh: {}
  /** Send fewer bytes with one request. */
  Shrink: {}
  /** Try again when the schedule says so, and not before `delay`; after bytes were sent, ask by HEAD first. */
  RetryAfter: { readonly delay: Option.Option<Duration.Duration> }
  /** No attempt will fare better. */
  Fail: {}
}>
export const Next = Data.taggedEnum<Next>()

/**
 * The step after the `result` of a request of this verb; there is one for each. A status that is not in the table is
 * `RetryAfter` from 500 on and `Fail` below. `now` makes a delay of a Retry-After that names a date, where the answer
 * does not say what time it is there.
 */
export const classify = (verb: Verb, result: Result, now: DateTime.Utc): Next => {
  if (result._tag === "Unanswered") {
    return result.passing ? Next.RetryAfter({ delay: Option.none() }) : Next.Fail()
  }
  const { date, retryAfter, status } = result
  const delay = () => delayOf(retryAfter, Option.getOrElse(decodeDate(date), () => now))
  if (status >= 200 && status < 300) {
    return Next.Continue()
  }
  switch (status) {
    case 401:
      return Next.Refresh()
    case 404:
    case 410:
      return verb === "Inspect" || verb === "Append"
        ? Next.Recreate()
        : verb === "Terminate"
        ? Next.Continue()
        : Next.Fail()
    case 409:
      return verb === "Append" ? Next.Resync() : Next.Fail()
    case 413:
      return verb === "Append" || verb === "CreateWithUpload" ? Next.Shrink() : Next.Fail()
    case 460:
      return verb === "Append" || verb === "CreateWithUpload"
        ? Next.RetryAfter({ delay: Option.none() })
        : Next.Fail()
    case 408:
    case 423:
    case 425:
    case 429:
      return Next.RetryAfter({ delay: delay() })
  }
  return status >= 500 ? Next.RetryAfter({ delay: delay() }) : Next.Fail()
}

/** However long a server asks to wait, it is asked again after this. */
export const longestDelay: Duration.Duration = Duration.hours(1)

/**
 * How long a server asks to wait: whole seconds, or until a date; an hour at most. What is neither is overlooked.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export const delayOf = (header: string | undefined, now: DateTime.Utc): Option.Option<Duration.Duration> => {
  const text = header?.trim() ?? ""
  const delay = /^\d+$/.test(text)
    ? Option.some(Duration.seconds(Number(text)))
    : Option.map(
      decodeDate(text),
      (date) => Duration.millis(Math.max(0, DateTime.toEpochMillis(date) - DateTime.toEpochMillis(now)))
    )
  return Option.map(delay, Duration.min(longestDelay))
}

const decodeDate = Schema.decodeUnknownOption(Header.HttpDate)
