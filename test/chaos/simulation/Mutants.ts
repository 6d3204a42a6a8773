/**
 * Bugs that somebody might write, planted from outside: each breaks a promise, and the simulation has to find out.
 */
import { Checksum, Upload } from "effect-tus"
import * as Effect from "effect/Effect"
import type { Fault } from "./Faults.js"
import type { Plant } from "./Plant.js"
import type { Story } from "./Story.js"

export interface Mutant extends Plant {
  /** The stories in which the bug can come to light at all; all of them by default. */
  readonly where?: (story: Story) => boolean
  /** Where the states lie; in memory by default, which is faster. */
  readonly registryIn?: Story["registry"]
}

/** By what is to be found out about a server. */
export type Mutants = Readonly<Record<string, Mutant>>

/** Stories in which one of these is likely. */
export const has = (...faults: ReadonlyArray<Fault>) => ({ likely, troubles }: Story): boolean =>
  troubles.length > 0 && faults.some((fault) => likely.has(fault))

/** Changes when an upload is taken for expired; returns what takes it back. */
export const expiring = (change: (hasExpired: boolean, upload: Upload.Upload) => boolean) => () => {
  const { hasExpired } = Upload.Upload.prototype
  Upload.Upload.prototype.hasExpired = function(this: Upload.Upload, now) {
    return change(hasExpired.call(this, now), this)
  }
  return () => {
    Upload.Upload.prototype.hasExpired = hasExpired
  }
}

/** Takes every digest for the one expected; returns what takes it back. */
export const believing = () => {
  const { matches } = Checksum.Checksum.prototype
  Checksum.Checksum.prototype.matches = () => true
  return () => {
    Checksum.Checksum.prototype.matches = matches
  }
}

/** Runs later, whoever waits for it or not. */
export const later = (effect: Effect.Effect<unknown, unknown>) =>
  Effect.asVoid(Effect.forkDaemon(Effect.ignore(Effect.delay(effect, 20))))

let locks = 0
export const nobody = () => Upload.UploadId.make(`nobody-${String(++locks).padStart(20, "0")}`)
