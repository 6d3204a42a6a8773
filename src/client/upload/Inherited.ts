/**
 * What another session left of an upload: which of several to go on with, and when to leave it alone. Pure.
 */
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import type { JournalEntry } from "../journal/UploadJournal.js"
import type { TusError } from "../transport/TusError.js"

/**
 * What was handed to the network, in bytes: as much as the server may have. Of a request that was cut off only the
 * server knows how much it kept.
 */
export const sentOf = ({ acknowledged, prefix }: JournalEntry): number =>
  Math.max(acknowledged, Option.match(prefix, { onNone: () => 0, onSome: ({ length }) => length }))

/** The most is gone on with: one that was begun because this one was refused for a while does not take its place. */
export const mostFirst: Order.Order<JournalEntry> = Order.reverse(Order.mapInput(Order.number, sentOf))

/**
 * Whether an upload that nothing was added to in this session is left alone, and its source goes on elsewhere: the
 * server wants nobody, or not this client, to go on with it, or it lies on another host that cannot be reached. What
 * may pass by itself, and what is wrong with a chunk, with the connection to the server or with the source, would be no
 * better elsewhere.
 *
 * @param crossOrigin - it is on another host than its endpoint
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

/** Another upload would be told the same of the same bytes. */
const ofChunk: ReadonlySet<number> = new Set([413, 460])
