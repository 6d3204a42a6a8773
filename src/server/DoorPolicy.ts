/**
 * The part of a policy that doors keep: whose pages may use the server.
 */
import * as Either from "effect/Either"
import type { PolicyError } from "./PolicyError.js"
import * as TusCors from "./TusCors.js"

export interface Options {
  /** Whose pages may use the server, and how. All of them by default, without cookies. */
  readonly cors?: TusCors.Options | undefined
}

export interface DoorPolicy {
  readonly cors: TusCors.Cors
}

/** Made once for each policy: some doors ask for it with every request. */
export const make = (options: Options): Either.Either<DoorPolicy, PolicyError> => {
  const known = made.get(options) ?? Either.all({
    cors: TusCors.make(options.cors)
  })
  made.set(options, known)
  return known
}

const made = new WeakMap<Options, Either.Either<DoorPolicy, PolicyError>>()
