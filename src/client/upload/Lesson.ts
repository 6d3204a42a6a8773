/**
 * What a failed attempt teaches about how much to send at once. Pure.
 */
import type * as NextStep from "../../protocol/NextStep.js"
import type { Refused, TusError, Unanswered } from "../transport/TusError.js"

/**
 * - `"Alone"`: create without bytes, which go by PATCH: what arrives of those is kept.
 * - `"Fewer"`: send fewer bytes with one request.
 */
export type Lesson = "Nothing" | "Alone" | "Fewer"

/**
 * Of a failure that another attempt follows. A creation that broke off in its bytes has told no URL, and the next would
 * begin at its first byte again. Bytes that are sent to a URL go on where they stand, and only where they do not is it
 * their number.
 */
export const of = (verb: NextStep.Verb, error: TusError): Lesson =>
  !brokeOff(error)
    ? "Nothing"
    : verb === "CreateWithUpload"
    ? "Alone"
    : verb === "Append" && error.attempts > 1
    ? "Fewer"
    : "Nothing"

/** By the line, by the server, or by a proxy in between that had waited for too long. */
const brokeOff = (error: TusError): error is Refused | Unanswered =>
  error._tag === "Unanswered"
    ? error.reason === "Closed" || error.reason === "Stalled"
    : error._tag === "Refused" && [408, 502, 504, 524].includes(error.status)
