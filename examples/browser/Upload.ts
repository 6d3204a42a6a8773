/**
 * One upload as the page shows it, and what becomes of it. Pure.
 */
import type { Progress, TusError, UploadJournal } from "effect-tus/client"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/**
 * - `"Waiting"`: for others to end. `"Starting"`: what the server has already is being found out.
 * - `"Retrying"`: an attempt failed, another follows by itself.
 * - `"Lost"`: of an earlier visit to the page; it needs its file again.
 */
export type State = "Waiting" | "Starting" | "Uploading" | "Retrying" | "Paused" | "Lost" | "Done" | "Failed"

export interface Upload {
  readonly name: string
  readonly state: State
  /** In bytes. */
  readonly total: number
  readonly sent: number
  /** In bytes per second. */
  readonly rate: number
  readonly eta: Option.Option<Duration.Duration>
  /** Where it is, once it is on the server. */
  readonly url: Option.Option<string>
  /** What went wrong last. */
  readonly problem: Option.Option<Problem>
  /** In seconds, until the next attempt. */
  readonly wait: Option.Option<number>
  /** The browser knows where its file is, and asks whether it may be read. */
  readonly isKept: boolean
}

/** A sentence of this page, or what the client says. */
export type Problem = string | TusError.TusError

const fresh = {
  sent: 0,
  rate: 0,
  eta: Option.none(),
  url: Option.none(),
  problem: Option.none(),
  wait: Option.none(),
  isKept: false
}

export const ofFile = ({ name, size }: File): Upload => ({ ...fresh, name, state: "Waiting", total: size })

export const ofEntry = (
  { acknowledged, length, source, url }: Pick<UploadJournal.JournalEntry, "acknowledged" | "length" | "source" | "url">,
  isKept: boolean
): Upload => ({
  ...fresh,
  name: source,
  state: "Lost",
  total: length,
  sent: acknowledged,
  url: Option.some(url),
  isKept
})

/** One that had not begun. */
export const ofKept = ({ name, size }: { readonly name: string; readonly size: number }): Upload => ({
  ...fresh,
  name,
  state: "Lost",
  total: size,
  isKept: true
})

export const become = (state: State, problem?: Problem) => (upload: Upload): Upload => ({
  ...upload,
  state,
  rate: 0,
  eta: Option.none(),
  problem: Option.fromNullable(problem),
  wait: Option.none()
})

export const advance = ({ eta, event, problem, rate, sent, url }: Progress.Progress) => (upload: Upload): Upload => ({
  ...upload,
  state: event === "Complete" ? "Done" : event === "Retrying" ? "Retrying" : "Uploading",
  sent,
  rate,
  eta,
  url: Option.orElse(url, () => upload.url),
  problem,
  wait: event === "Retrying" ? upload.wait : Option.none()
})

/** So many seconds are left until the next attempt. */
export const countDown = (seconds: number) => (upload: Upload): Upload =>
  isActive(upload) ? { ...upload, wait: Option.some(seconds) } : upload

/** The server has told how much of it is there. */
export const stand = (offset: Option.Option<number>) => (upload: Upload): Upload =>
  upload.state === "Lost" ? { ...upload, sent: Option.getOrElse(offset, () => upload.sent) } : upload

/** It goes on by itself. */
export const isActive = ({ state }: Upload): boolean =>
  state === "Waiting" || state === "Starting" || state === "Uploading" || state === "Retrying"
