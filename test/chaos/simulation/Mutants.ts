/**
 * Plausible bugs, planted from outside. Each breaks a promise that the simulation has to check.
 */
import { Checksum, Upload, type UploadRegistry } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Fault } from "./Faults.js"
import type { Plant } from "./Plant.js"
import type { Story } from "./Story.js"

export interface Mutant extends Plant {
  /** The stories that can reveal the bug; all by default. */
  readonly where?: (story: Story) => boolean
  /** What each story gets that the bug needs and few seeds have. By default states are in memory, which is faster. */
  readonly given?: (story: Story) => Partial<Story>
}

/** By the title of the bug. */
export type Mutants = Readonly<Record<string, Mutant>>

/** Stories in which one of these faults is likely. */
export const has = (...faults: ReadonlyArray<Fault>) => ({ likely, troubles }: Story): boolean =>
  troubles.length > 0 && faults.some((fault) => likely.has(fault))

/** Changes when an upload counts as expired; returns a function that undoes it. */
export const expiring = (change: (hasExpired: boolean, upload: Upload.Upload) => boolean) => () => {
  const { hasExpired } = Upload.Upload.prototype
  Upload.Upload.prototype.hasExpired = function(this: Upload.Upload, now) {
    return change(hasExpired.call(this, now), this)
  }
  return () => {
    Upload.Upload.prototype.hasExpired = hasExpired
  }
}

/** Makes every digest match; returns a function that undoes it. */
export const believing = () => {
  const { matches } = Checksum.Checksum.prototype
  Checksum.Checksum.prototype.matches = () => true
  return () => {
    Checksum.Checksum.prototype.matches = matches
  }
}

/** Replaces a state under any fence. */
export const unfenced = (registry: UploadRegistry.UploadRegistry["Type"]): UploadRegistry.UploadRegistry["Type"] => ({
  ...registry,
  commit: (entry, next, options) =>
    Effect.flatMap(registry.get(entry.upload.id), (stored) =>
      registry.commit(entry, next, {
        ...options,
        fence: Option.match(stored, { onNone: () => options.fence, onSome: ({ fence }) => fence })
      }))
})

/** Runs an effect in the background, without waiting for it. */
export const later = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.asVoid(Effect.forkDaemon(Effect.ignore(Effect.delay(effect, 20))))

let locks = 0
export const nobody = () => Upload.UploadId.make(`nobody-${String(++locks).padStart(20, "0")}`)
