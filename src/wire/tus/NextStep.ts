/**
 * What a client does next, after every answer and every failure: one total table. The caller counts attempts, and its
 * schedule decides how often and how long.
 */
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Header from "../Header.js"

/** What the client did. `CreateWithUpload` is a creation with bytes. */
export type Verb = "Discover" | "Create" | "CreateWithUpload" | "Concat" | "Inspect" | "Append" | "Terminate"

/** The result of a request. */
export type Result = Data.TaggedEnum<{
  /** With the fields `Retry-After` and `Date`, as they were sent. */
  Answered: { readonly status: number; readonly retryAfter?: string | undefined; readonly date?: string | undefined }
  /** No answer. `passing`: the next attempt may succeed. */
  Unanswered: { readonly passing: boolean }
}>
export const Result = Data.taggedEnum<Result>()

/**
 * The step after a `Result`. The caller knows whether an attempt is left, and what "once" means.
 */
export type Next = Data.TaggedEnum<{
  /** It is done. */
  Continue: {}
  /** Ask by HEAD where the upload stands and go on from there, at once. */
  Resync: {}
  /** The upload is gone: forget it and create another, once. */
  Recreate: {}
  /** Make the headers of the request anew and try again, once. */
  Refresh: {}
  /** Send fewer bytes with one request. */
  Shrink: {}
  /** Try again when the schedule says so, and not before `delay`; after bytes were sent, ask by HEAD first. */
  RetryAfter: { readonly delay: Option.Option<Duration.Duration> }
  /** No attempt will succeed. */
  Fail: {}
}>
export const Next = Data.taggedEnum<Next>()

/**
 * The step after the `result` of a request of this verb. A status that is not in the table is `RetryAfter` from 500 on,
 * and `Fail` below. `now` is used for a `Retry-After` with a date if the answer has no `Date`.
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

/** The client waits at most this long, even if a server asks for more. */
export const longestDelay: Duration.Duration = Duration.hours(1)

/**
 * The delay that `Retry-After` asks for: whole seconds, or until a date; an hour at most. Anything else is ignored.
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
