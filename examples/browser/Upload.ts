/**
 * One upload as the page shows it, and what becomes of it. Pure.
 */
import type { Progress, UploadJournal } from "effect-tus/client"
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
  /** What went wrong last, as a sentence. */
  readonly problem: Option.Option<string>
}

export const ofFile = ({ name, size }: File): Upload => ({
  name,
  state: "Waiting",
  total: size,
  sent: 0,
  rate: 0,
  eta: Option.none(),
  url: Option.none(),
  problem: Option.none()
})

export const ofEntry = ({ acknowledged, length, source, url }: UploadJournal.Entry): Upload => ({
  name: source,
  state: "Lost",
  total: length,
  sent: acknowledged,
  rate: 0,
  eta: Option.none(),
  url: Option.some(url),
  problem: Option.none()
})

export const become = (state: State, problem?: string) => (upload: Upload): Upload => ({
  ...upload,
  state,
  rate: 0,
  eta: Option.none(),
  problem: Option.fromNullable(problem)
})

export const advance = ({ eta, event, problem, rate, sent, url }: Progress.Progress) => (upload: Upload): Upload => ({
  ...upload,
  state: event === "Complete" ? "Done" : event === "Retrying" ? "Retrying" : "Uploading",
  // What became of the last request is found out by the next one; until then nothing is lost.
  sent: event === "Retrying" ? upload.sent : sent,
  rate,
  eta,
  url: Option.orElse(url, () => upload.url),
  problem: Option.map(problem, ({ message }) => message)
})

/** The server has told how much of it is there. */
export const stand = (offset: Option.Option<number>) => (upload: Upload): Upload =>
  upload.state === "Lost" ? { ...upload, sent: Option.getOrElse(offset, () => upload.sent) } : upload

/** It goes on by itself. */
export const isActive = ({ state }: Upload): boolean =>
  state === "Waiting" || state === "Starting" || state === "Uploading" || state === "Retrying"
