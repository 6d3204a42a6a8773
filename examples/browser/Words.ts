/**
 * The texts of the page about uploads. Pure.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Totals from "./Totals.js"
import type { Problem, State, Upload } from "./Upload.js"
import { isActive } from "./Upload.js"

/** The state as it is shown: without a network no upload is active. */
export type Look = State | "Offline"

export const look = (upload: Upload, online: boolean): Look =>
  isActive(upload) && upload.state !== "Uploading" && !online ? "Offline" : upload.state

const looks: Readonly<Record<Look, string>> = {
  Waiting: "Waiting",
  Starting: "Starting",
  Uploading: "Uploading",
  Retrying: "Interrupted",
  Offline: "Offline, resumes automatically",
  Paused: "Paused",
  Lost: "Unfinished",
  Done: "Done",
  Failed: "Failed"
}

export const state = (look: Look): string => looks[look]

export const figures = ({ eta, rate, sent, state, total }: Upload): string =>
  state === "Done" || (state === "Waiting" && sent === 0)
    ? size(total)
    : together(
      `${percent(sent, total)} %`,
      `${size(sent)} of ${size(total)}`,
      ...(state === "Uploading" && rate > 0 ? [`${size(rate)}/s`] : []),
      ...(state === "Uploading" && Option.isSome(eta) ? [`${time(Duration.toSeconds(eta.value))} left`] : [])
    )

/** Lines break only between the parts. */
const together = (...parts: ReadonlyArray<string>) => parts.map((part) => part.replaceAll(" ", "\u00a0")).join(", ")

export const note = ({ isKept, name, problem, state, wait }: Upload, look: Look): string => {
  switch (look) {
    case "Lost":
      return Option.match(problem, {
        onNone: () =>
          isKept
            ? "The browser asks whether this page may read the file again; only the rest is sent."
            : `After a reload a page cannot read its files. Choose ${shortened(name)} again: only the rest is sent.`,
        onSome: text
      })
    case "Retrying":
      return `${Option.match(problem, { onNone: () => "The upload was interrupted.", onSome: text })} ${
        Option.match(wait, { onNone: () => "Trying again.", onSome: (seconds) => `Next attempt in ${seconds} s.` })
      }`
    case "Failed":
      return Option.match(problem, { onNone: () => "", onSome: text })
    default:
      return state === "Done" ? "Stored at " : ""
  }
}

/** Messages of the client are for programmers; these are for users. */
const text = (problem: Problem): string =>
  typeof problem === "string"
    ? problem
    : problem._tag === "Unanswered"
    ? problem.reason === "Stalled" ? "The server does not answer." : "The server cannot be reached."
    : problem._tag === "Refused" && problem.status >= 500
    ? "The server cannot accept the file at the moment."
    : `${problem.message[0]?.toUpperCase()}${problem.message.slice(1)}`

const shortened = (name: string) => name.length > 40 ? `${name.slice(0, 24)}…${name.slice(-12)}` : name

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

/** The label of the first button; empty if the upload is done. */
export const action = ({ isKept, state }: Upload): string => state === "Lost" && isKept ? "Resume" : actions[state]

/** The label of the last button. */
export const ending = ({ state, url }: Upload): readonly [verb: string, rest: string] =>
  state === "Done" || Option.isNone(url) ? ["Remove", "from list"] : ["Cancel", "and delete"]

/** The summary of all uploads. */
export const totals = (all: Totals.Totals): string =>
  together(
    `${all.done} of ${all.count} done`,
    all.sent < all.total ? `${size(all.sent)} of ${size(all.total)}` : size(all.total),
    ...(all.rate > 0 ? [`${size(all.rate)}/s`] : []),
    ...Option.toArray(Option.map(Totals.left(all), (seconds) => `${time(seconds)} left`))
  )

/** The title of the tab. */
export const title = (all: Totals.Totals, name: string): string =>
  all.active > 0
    ? `${percent(all.sent, all.total)} % – ${name}`
    : all.count > 0 && all.done === all.count
    ? `✓ ${name}`
    : name

/** Files that an earlier visit had queued, and that the browser cannot read again. */
export const missing = (names: ReadonlyArray<string>): string => {
  const [shown, more] = [names.slice(0, 5).map(shortened), names.length - 5]
  const list = more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ")
  return `${
    names.length === 1 ? "One file had" : `${names.length} files had`
  } not started when the page was closed: ${list}. ${names.length === 1 ? "Choose it" : "Choose them"} again.`
}

/** 100 only if all bytes are sent. */
export const percent = (sent: number, total: number): number => total === 0 ? 0 : Math.floor((sent / total) * 100)

const units = ["KiB", "MiB", "GiB", "TiB"]

export const size = (bytes: number): string => {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length)
  return power === 0 ? `${Math.round(bytes)} B` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power - 1]}`
}

const time = (duration: number): string => {
  const seconds = Math.ceil(duration)
  const minutes = Math.ceil(seconds / 60)
  return seconds <= 90
    ? `${seconds} s`
    : minutes <= 90
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
