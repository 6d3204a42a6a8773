/**
 * What an upload does after a failed request. `NextStep` says what the protocol allows; this is the other half, which
 * depends on the upload. Pure.
 */
import * as Data from "effect/Data"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as NextStep from "../../wire/tus/NextStep.js"
import type { Refused, TusError, Unanswered } from "../transport/TusError.js"
import * as ChunkSize from "./ChunkSize.js"
import * as Inherited from "./Inherited.js"
import { unlimited, type UploadPosition } from "./UploadPosition.js"

/** What failures have changed about the requests of this upload. */
export interface Adjustments {
  /** The creation carries no bytes. */
  readonly emptyCreation: boolean
  /** The upload was lost, and has been created anew. */
  readonly recreated: boolean
  /** A 409 was answered with a HEAD, and no bytes were acknowledged since. */
  readonly resynced: boolean
}

/** The facts that decide. */
export interface Facts {
  readonly adjustments: Adjustments
  readonly position: Pick<UploadPosition, "confirmed" | "place">
  /** A 401 was answered with new headers, and no bytes were acknowledged since. */
  readonly refreshed: boolean
  /** An earlier session left the upload, and this one has added no bytes to it. */
  readonly inherited: boolean
  /** The application named the upload by its URL. */
  readonly named: boolean
  /** The source can be read again from its first byte. */
  readonly seekable: boolean
  readonly chunkSize: ChunkSize.ChunkSize
  /** Bytes that the failed request carried. */
  readonly tried: number
}

/** How the next request differs from the failed one. */
export type Change = Data.TaggedEnum<{
  Nothing: {}
  /** The application makes its headers anew. */
  Refresh: {}
  /** It is a HEAD, since the offset was wrong. */
  Resync: {}
  /** It creates without bytes. Creations at this endpoint carry at most `limit` bytes from now on. */
  EmptyCreation: { readonly limit: number }
  /** One request to this endpoint carries at most `limit` bytes from now on. */
  Shrink: { readonly limit: number }
}>
export const Change = Data.taggedEnum<Change>()

export type RecoveryPlan = Data.TaggedEnum<{
  /** Another attempt, at once and free. */
  AtOnce: { readonly change: Change }
  /** Another attempt if the schedule pays for it, after its pause and not before `delay`; else `giveUp`. */
  Paid: { readonly change: Change; readonly delay: Duration.Duration }
  /** Another upload of an earlier session takes the place of this one, or a new one. */
  NextUpload: { readonly why: "Gone" | "Refused" }
  /** The lost upload is created anew. */
  Recreate: {}
  /** The upload fails with the error. */
  Fail: {}
}>
export const RecoveryPlan = Data.taggedEnum<RecoveryPlan>()

/** What `NextStep` says about the `error` of a request. */
export const classify = (verb: NextStep.Verb, error: TusError, now: DateTime.Utc): NextStep.Next => {
  switch (error._tag) {
    case "Refused":
      return NextStep.classify(verb, NextStep.Result.Answered(error), now)
    case "Unanswered":
      return NextStep.classify(verb, NextStep.Result.Unanswered({ passing: passing[error.reason] }), now)
    case "Misbehaved":
      return NextStep.classify(verb, NextStep.Result.Unanswered({ passing: error.reason === "NoProgress" }), now)
    default:
      return NextStep.Next.Fail()
  }
}

const passing = { Unreachable: true, Closed: true, Stalled: true, Tls: false, NotHttp: false, Invalid: false }

/** What is done about the `error` of a request, which is classified as `next`. */
export const decide = (facts: Facts, verb: NextStep.Verb, error: TusError, next: NextStep.Next): RecoveryPlan => {
  switch (next._tag) {
    case "Continue":
    case "Fail":
      return giveUp(facts, error)
    case "Refresh":
      return facts.refreshed ? giveUp(facts, error) : RecoveryPlan.AtOnce({ change: Change.Refresh() })
    case "Resync":
      return facts.adjustments.resynced
        ? RecoveryPlan.Paid({ change: Change.Resync(), delay: Duration.zero })
        : RecoveryPlan.AtOnce({ change: Change.Resync() })
    case "RetryAfter":
      return RecoveryPlan.Paid({
        change: brokeOff(error) ? afterBreak(facts, verb, error) : Change.Nothing(),
        delay: Option.getOrElse(next.delay, () => Duration.zero)
      })
    case "Shrink":
      return verb === "Append"
        ? Option.match(ChunkSize.halve(facts.chunkSize, facts.tried), {
          onNone: () => giveUp(facts, error),
          onSome: (limit) => RecoveryPlan.AtOnce({ change: Change.Shrink({ limit }) })
        })
        : RecoveryPlan.AtOnce({ change: Change.EmptyCreation({ limit: unlimited }) })
    case "Recreate":
      return facts.inherited
        ? RecoveryPlan.NextUpload({ why: "Gone" })
        : canRecreate(facts)
        ? RecoveryPlan.Recreate()
        : giveUp(facts, error)
  }
}

/** What is done if no attempt is left, or none is of use. What another session left does not hold up a new upload. */
export const giveUp = ({ inherited, position: { place } }: Facts, error: TusError): RecoveryPlan =>
  inherited && place._tag !== "NotCreated" && Inherited.isAbandoned(error, place.at.crossOrigin)
    ? RecoveryPlan.NextUpload({ why: "Refused" })
    : RecoveryPlan.Fail()

const canRecreate = ({ adjustments, named, position, seekable }: Facts) =>
  !named && !adjustments.recreated && (seekable || position.confirmed === 0)

/** Whether the connection, the server or a proxy with a time limit ended the request. */
const brokeOff = (error: TusError): error is Refused | Unanswered =>
  error._tag === "Unanswered"
    ? error.reason === "Closed" || error.reason === "Stalled"
    : error._tag === "Refused" && [408, 502, 504, 524].includes(error.status)

/**
 * What changes after a request that was cut off. The next attempt of a creation with bytes would start at the first
 * byte again, since no URL is known, so its bytes go by PATCH. A PATCH continues where the last one ended, so its size
 * is to blame only if nothing arrived twice in a row.
 */
const afterBreak = ({ chunkSize, tried }: Facts, verb: NextStep.Verb, { attempts }: Refused | Unanswered): Change =>
  verb === "CreateWithUpload"
    ? Change.EmptyCreation({ limit: Math.floor(tried / 2) })
    : verb === "Append" && attempts > 1
    ? Option.match(ChunkSize.halve(chunkSize, tried), {
      onNone: () => Change.Nothing(),
      onSome: (limit) => Change.Shrink({ limit })
    })
    : Change.Nothing()
