/**
 * What the page says about an upload. Pure.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { State, Upload } from "./Upload.js"
import { isActive } from "./Upload.js"

/** As it looks from here: without a network nothing is under way. */
export type Look = State | "Offline"

export const look = (upload: Upload, online: boolean): Look => isActive(upload) && !online ? "Offline" : upload.state

const looks: Readonly<Record<Look, string>> = {
  Waiting: "Waiting for its turn",
  Starting: "Starting",
  Uploading: "Uploading",
  Retrying: "Interrupted, trying again",
  Offline: "Offline, goes on by itself",
  Paused: "Paused",
  Lost: "Unfinished",
  Done: "Done",
  Failed: "Failed"
}

export const state = (look: Look): string => looks[look]

export const figures = ({ eta, rate, sent, state, total }: Upload): string =>
  state === "Done"
    ? size(total)
    : [
      `${percent(sent, total)} %`,
      `${size(sent)} of ${size(total)}`,
      ...(state === "Uploading" && rate > 0 ? [`${size(rate)}/s`] : []),
      ...(state === "Uploading" && Option.isSome(eta) ? [`${time(eta.value)} left`] : [])
    ].map((part) => part.replaceAll(" ", "\u00a0")).join(" · ")

export const note = ({ name, problem, url }: Upload, look: Look): string => {
  switch (look) {
    case "Lost":
      return Option.getOrElse(
        problem,
        () => `A page may keep no files. Drop ${name} here again, or choose it, and only the rest is sent.`
      )
    case "Retrying":
    case "Failed":
      return Option.getOrElse(problem, () => "")
    case "Done":
      return Option.match(url, { onNone: () => "", onSome: (url) => `Stored at ${url}` })
    default:
      return ""
  }
}

const actions: Readonly<Record<State, string>> = {
  Waiting: "Pause",
  Starting: "Pause",
  Uploading: "Pause",
  Retrying: "Pause",
  Paused: "Resume",
  Lost: "Choose file",
  Failed: "Try again",
  Done: ""
}

/** What can be done about it; nothing where it is done. */
export const action = (state: State): string => actions[state]

/** All is there when all is there. */
export const percent = (sent: number, total: number): number => total === 0 ? 0 : Math.floor((sent / total) * 100)

const units = ["KiB", "MiB", "GiB", "TiB"]

export const size = (bytes: number): string => {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length)
  return power === 0 ? `${Math.round(bytes)} B` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1]}`
}

const time = (duration: Duration.Duration): string => {
  const seconds = Math.ceil(Duration.toSeconds(duration))
  const minutes = Math.ceil(seconds / 60)
  return seconds <= 90
    ? `${seconds} s`
    : minutes <= 90
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
