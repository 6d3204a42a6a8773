/**
 * What a process has open, as the system tells.
 */
import { readdirSync, readlinkSync } from "node:fs"

/** What each descriptor refers to; nothing for one that was closed meanwhile. */
export const targets = (process: number | "self"): ReadonlyArray<string> =>
  readdirSync(`/proc/${process}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${process}/fd/${fd}`)
    } catch {
      return ""
    }
  })

/** A store keeps the directories above its files at hand, in bounded number; they are nobody's leak. */
export const isKept = (directory: string, target: string): boolean =>
  target === directory || (target.startsWith(`${directory}/`) && target.length === directory.length + 3)
