/**
 * The state of one upload on the page, and how it changes. Pure.
 */
import type { Progress, TusError, UploadJournal } from "effect-tus/client"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/**
 * - `"Waiting"`: other uploads come first. `"Starting"`: the server is asked how much it has.
 * - `"Retrying"`: an attempt failed, and another follows.
 * - `"Lost"`: left by an earlier visit to the page; its file has to be chosen again.
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
  /** The URL of the upload, once it has one. */
  readonly url: Option.Option<string>
  /** The last failure. */
  readonly problem: Option.Option<Problem>
  /** Seconds until the next attempt. */
  readonly wait: Option.Option<number>
  /** The browser has a handle of the file, and asks whether the page may read it. */
  readonly isKept: boolean
}

/** A sentence of this page, or an error of the client. */
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

/** An upload that has not started. */
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

/** `seconds` are left until the next attempt. */
export const countDown = (seconds: number) => (upload: Upload): Upload =>
  isActive(upload) ? { ...upload, wait: Option.some(seconds) } : upload

/** The server has reported how much it has. */
export const stand = (offset: Option.Option<number>) => (upload: Upload): Upload =>
  upload.state === "Lost" ? { ...upload, sent: Option.getOrElse(offset, () => upload.sent) } : upload

/** Whether it continues without the user. */
export const isActive = ({ state }: Upload): boolean =>
  state === "Waiting" || state === "Starting" || state === "Uploading" || state === "Retrying"
