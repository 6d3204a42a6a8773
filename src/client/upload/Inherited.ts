/**
 * Decisions about an upload that an earlier session left: which of several is continued, and when it is abandoned.
 * Pure.
 */
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import type { JournalEntry } from "../journal/UploadJournal.js"
import type { TusError } from "../transport/TusError.js"

/**
 * Bytes that the session handed to the network. Of a request that was cut off only the server knows how many arrived.
 */
export const sentOf = ({ acknowledged, prefix }: JournalEntry): number =>
  Math.max(acknowledged, Option.match(prefix, { onNone: () => 0, onSome: ({ length }) => length }))

/**
 * The entry with most bytes comes first. If that upload is refused for a while and another is begun, it still comes
 * first in the next session.
 */
export const mostFirst: Order.Order<JournalEntry> = Order.reverse(Order.mapInput(Order.number, sentOf))

/**
 * Whether an upload is abandoned, and its source continues in another one. Only for uploads to which this session has
 * added nothing. Abandoned are uploads that the server does not let this client continue, and uploads on another host
 * that cannot be reached. A failure that may pass, or that is about a chunk, the connection or the source, would meet
 * another upload as well.
 *
 * @param crossOrigin - the upload is on another host than its endpoint
 */
export const isAbandoned = (error: TusError, crossOrigin: boolean): boolean => {
  switch (error._tag) {
    case "Refused":
      return error.status < 500 && !passing.has(error.status) && !ofChunk.has(error.status)
    case "Misbehaved":
      return error.reason !== "NoProgress"
    case "Unanswered":
      return crossOrigin
    default:
      return false
  }
}

const passing: ReadonlySet<number> = new Set([408, 423, 425, 429])

/** The same bytes would be refused in another upload, too. */
const ofChunk: ReadonlySet<number> = new Set([413, 460])
