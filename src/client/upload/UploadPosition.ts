/**
 * What this client knows about the position of an upload, and how that changes. Pure.
 */
import type * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { JournalEntry } from "../journal/UploadJournal.js"
import type { Location } from "../requests/Location.js"

export type Place = NotCreated | OffsetUnknown | OffsetKnown

export interface NotCreated {
  readonly _tag: "NotCreated"
}

/** A HEAD has to ask for its offset. */
export interface OffsetUnknown {
  readonly _tag: "OffsetUnknown"
  readonly at: Location
  /** The journal entry of an earlier session, if it is not verified yet. */
  readonly entry: Option.Option<JournalEntry>
}

export interface OffsetKnown {
  readonly _tag: "OffsetKnown"
  readonly at: Location
  readonly offset: number
}

export interface UploadPosition {
  readonly place: Place
  /** The length of the upload; Option.none until the end of a stream of unknown length. */
  readonly total: Option.Option<number>
  /** The offset that the server confirmed last. */
  readonly confirmed: number
  /** The highest offset that it has confirmed. */
  readonly furthest: number
  /**
   * The server can have at most this many bytes: what was sent. Infinite while an earlier session may have sent more.
   */
  readonly ceiling: number
  /** The server knows the length. */
  readonly declared: boolean
  readonly expires: Option.Option<DateTime.Utc>
}

/** No limit. */
export const unlimited = Number.POSITIVE_INFINITY

/** No server has any of it. */
export const notCreated = (total: Option.Option<number>): UploadPosition => ({
  place: { _tag: "NotCreated" },
  total,
  confirmed: 0,
  furthest: 0,
  ceiling: 0,
  declared: false,
  expires: Option.none()
})

/** An upload that exists already, with an unknown number of bytes. */
export const existing = (
  total: Option.Option<number>,
  at: Location,
  entry: Option.Option<JournalEntry>
): UploadPosition => ({
  ...notCreated(total),
  place: { _tag: "OffsetUnknown", at, entry },
  ceiling: unlimited
})

/** A request was sent, and its effect is not known. */
export const offsetUnknown = (position: UploadPosition, at: Location): UploadPosition => ({
  ...position,
  place: { _tag: "OffsetUnknown", at, entry: Option.none() }
})

/** Bytes before `end` may reach the server from now on. */
export const sending = (position: UploadPosition, end: number): UploadPosition => ({
  ...position,
  ceiling: raised(position, end)
})

/** The server has the bytes before `offset`. */
export const confirmed = (position: UploadPosition, at: Location, offset: number): UploadPosition => ({
  ...position,
  place: { _tag: "OffsetKnown", at, offset },
  confirmed: offset,
  furthest: Math.max(position.furthest, offset),
  ceiling: raised(position, offset)
})

const raised = ({ ceiling }: UploadPosition, offset: number) =>
  ceiling === unlimited ? offset : Math.max(ceiling, offset)

/** It existed before this session, and its offset has not been confirmed yet. */
export const isResuming = ({ ceiling }: UploadPosition) => ceiling === unlimited

/**
 * The offsets that a server can report: from the last confirmed to the last byte sent. After a power cut it may have
 * lost some, which counts as well if the source can send them again.
 */
export const bounds = (
  { ceiling, confirmed, total }: UploadPosition,
  seekable: boolean
): readonly [least: number, most: number] => [
  seekable ? 0 : confirmed,
  Math.min(ceiling, Option.getOrElse(total, () => unlimited))
]

/** The server has all bytes, and knows that. */
export const isComplete = ({ declared, place, total }: UploadPosition): boolean =>
  place._tag === "OffsetKnown" && declared && Option.contains(total, place.offset)

/** Option.none while there is more to do, up to `stopAt`. */
export const ended = (position: UploadPosition, stopAt: number): Option.Option<"Complete" | "Stopped"> =>
  isComplete(position)
    ? Option.some("Complete")
    : position.place._tag === "OffsetKnown" && position.place.offset >= stopAt
    ? Option.some("Stopped")
    : Option.none()
