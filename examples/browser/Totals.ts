/**
 * The sums over all uploads. Pure.
 */
import * as Option from "effect/Option"
import { isActive, type Upload } from "./Upload.js"

export interface Totals {
  /** How many uploads there are, how many are done, how many continue by themselves, and how many wait for the user. */
  readonly count: number
  readonly done: number
  readonly active: number
  readonly paused: number
  /** In bytes. */
  readonly total: number
  readonly sent: number
  /** In bytes per second. */
  readonly rate: number
}

export const of = (uploads: ReadonlyArray<Upload>): Totals => {
  const sum = (of: (upload: Upload) => number) => uploads.reduce((sum, upload) => sum + of(upload), 0)
  const count = (is: (upload: Upload) => boolean) => sum((upload) => is(upload) ? 1 : 0)
  return {
    count: uploads.length,
    done: count(({ state }) => state === "Done"),
    active: count(isActive),
    paused: count(({ state }) => state === "Paused"),
    total: sum(({ total }) => total),
    sent: sum(({ sent, state, total }) => state === "Done" ? total : sent),
    rate: sum(({ rate, state }) => state === "Uploading" ? rate : 0)
  }
}

/** In seconds; Option.none while nothing moves. */
export const left = ({ rate, sent, total }: Totals): Option.Option<number> =>
  rate > 0 ? Option.some((total - sent) / rate) : Option.none()
