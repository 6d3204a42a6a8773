/**
 * The open files of a process.
 */
import { readdirSync, readlinkSync } from "node:fs"

/** The target of each descriptor; empty for one that was closed meanwhile. */
export const targets = (process: number | "self"): ReadonlyArray<string> =>
  readdirSync(`/proc/${process}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${process}/fd/${fd}`)
    } catch {
      return ""
    }
  })

/** A store keeps a bounded number of folders open, which are no leak. */
export const isKept = (directory: string, target: string): boolean =>
  target === directory || (target.startsWith(`${directory}/`) && target.length === directory.length + 3)
