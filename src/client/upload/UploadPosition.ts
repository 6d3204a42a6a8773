/**
 * Where an upload stands as far as this side knows, and how that changes. Pure.
 */
import type * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { JournalEntry } from "../journal/UploadJournal.js"
import type { Location } from "../requests/Location.js"

export type Place = Nowhere | Somewhere | Known

export interface Nowhere {
  readonly _tag: "Nowhere"
}

/** Its offset is to be asked. */
export interface Somewhere {
  readonly _tag: "Somewhere"
  readonly at: Location
  /** What another session wrote down of it, not yet trusted. */
  readonly entry: Option.Option<JournalEntry>
}

export interface Known {
  readonly _tag: "Known"
  readonly at: Location
  readonly offset: number
}

export interface Standing {
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
export const nowhere = (total: Option.Option<number>): Standing => ({
  place: { _tag: "Nowhere" },
  total,
  confirmed: 0,
  furthest: 0,
  ceiling: 0,
  declared: false,
  expires: Option.none()
})

/** It is there already, with as many bytes as others have sent. */
export const found = (total: Option.Option<number>, at: Location, entry: Option.Option<JournalEntry>): Standing => ({
  ...nowhere(total),
  place: { _tag: "Somewhere", at, entry },
  ceiling: unlimited
})

/** A request has been made of which nobody knows what became. */
export const unsure = (standing: Standing, at: Location): Standing => ({
  ...standing,
  place: { _tag: "Somewhere", at, entry: Option.none() }
})

/** Bytes before `end` may reach the server from now on. */
export const sending = (standing: Standing, end: number): Standing => ({ ...standing, ceiling: raised(standing, end) })

/** The server has the bytes before `offset`. */
export const confirmed = (standing: Standing, at: Location, offset: number): Standing => ({
  ...standing,
  place: { _tag: "Known", at, offset },
  confirmed: offset,
  furthest: Math.max(standing.furthest, offset),
  ceiling: raised(standing, offset)
})

const raised = ({ ceiling }: Standing, offset: number) => ceiling === unlimited ? offset : Math.max(ceiling, offset)

/** It was there before this session, and has not been heard of yet. */
export const isFound = ({ ceiling }: Standing) => ceiling === unlimited

/**
 * From what it had to what was sent: an offset that is none of these is a lie. It may have lost some, as by a power
 * cut, where that can be sent again.
 */
export const bounds = (
  { ceiling, confirmed, total }: Standing,
  seekable: boolean
): readonly [least: number, most: number] => [
  seekable ? 0 : confirmed,
  Math.min(ceiling, Option.getOrElse(total, () => unlimited))
]

/** None where there is more to do, up to `stopAt`. */
export const ended = ({ declared, place, total }: Standing, stopAt: number): Option.Option<"Complete" | "Stopped"> =>
  place._tag !== "Known"
    ? Option.none()
    : declared && Option.contains(total, place.offset)
    ? Option.some("Complete")
    : place.offset >= stopAt
    ? Option.some("Stopped")
    : Option.none()
