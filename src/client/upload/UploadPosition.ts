/**
 * Where an upload stands as far as this side knows, and how that changes. Pure.
 */
import type * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { JournalEntry } from "../journal/UploadJournal.js"
import type { Location } from "../requests/Location.js"

export type Place = NotCreated | OffsetUnknown | OffsetKnown

export interface NotCreated {
  readonly _tag: "NotCreated"
}

/** Its offset is to be asked. */
export interface OffsetUnknown {
  readonly _tag: "OffsetUnknown"
  readonly at: Location
  /** What another session wrote down of it, not yet trusted. */
  readonly entry: Option.Option<JournalEntry>
}

export interface OffsetKnown {
  readonly _tag: "OffsetKnown"
  readonly at: Location
  readonly offset: number
}

export interface UploadPosition {
  readonly place: Place
  /** Bytes of the whole; none until the end of a stream of unknown length. */
  readonly total: Option.Option<number>
  /** Bytes that the server has confirmed, last and at most. */
  readonly confirmed: number
  readonly furthest: number
  /** The most that it can have: what was sent to it. Infinite where another session may have sent more. */
  readonly ceiling: number
  /** The server knows the length. */
  readonly declared: boolean
  readonly expires: Option.Option<DateTime.Utc>
}

/** Bytes may be anywhere below it. */
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

/** It is there already, with as many bytes as others have sent. */
export const existing = (
  total: Option.Option<number>,
  at: Location,
  entry: Option.Option<JournalEntry>
): UploadPosition => ({
  ...notCreated(total),
  place: { _tag: "OffsetUnknown", at, entry },
  ceiling: unlimited
})

/** A request has been made of which nobody knows what became. */
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

/** It was there before this session, and has not been heard of yet. */
export const isResuming = ({ ceiling }: UploadPosition) => ceiling === unlimited

/**
 * From what it had to what was sent: an offset that is none of these is a lie. It may have lost some, as by a power
 * cut, where that can be sent again.
 */
export const bounds = (
  { ceiling, confirmed, total }: UploadPosition,
  seekable: boolean
): readonly [least: number, most: number] => [
  seekable ? 0 : confirmed,
  Math.min(ceiling, Option.getOrElse(total, () => unlimited))
]

/** None where there is more to do, up to `stopAt`. */
export const ended = (
  { declared, place, total }: UploadPosition,
  stopAt: number
): Option.Option<"Complete" | "Stopped"> =>
  place._tag !== "OffsetKnown"
    ? Option.none()
    : declared && Option.contains(total, place.offset)
    ? Option.some("Complete")
    : place.offset >= stopAt
    ? Option.some("Stopped")
    : Option.none()
