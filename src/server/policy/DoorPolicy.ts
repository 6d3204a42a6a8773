/**
 * The part of a policy that doors keep: where clients see the server, and whose pages may use it.
 */
import * as Either from "effect/Either"
import type { Dialect } from "../../wire/Dialect.js"
import type { OptionError } from "./OptionError.js"
import * as PublicUrl from "./PublicUrl.js"
import * as TusCors from "./TusCors.js"

export interface Options extends PublicUrl.Options {
  /** Whose pages may use the server, and how. All of them by default, without cookies. */
  readonly cors?: TusCors.Options | undefined
}

export interface DoorPolicy {
  readonly baseOf: PublicUrl.BaseOf
  readonly cors: TusCors.Cors
}

/**
 * Made once for each policy: some doors ask for it with every request.
 *
 * @param fields - of the dialect that the door speaks.
 */
export const make = (options: Options, fields: Dialect["fields"]): Either.Either<DoorPolicy, OptionError> => {
  const known = made.get(options) ?? build(options, fields)
  made.set(options, known)
  return known
}

const made = new WeakMap<Options, Either.Either<DoorPolicy, OptionError>>()

/** Fails if the options make no sense. */
export const check = (options: Options): Either.Either<DoorPolicy, OptionError> =>
  build(options, { request: [], response: [] })

const build = (options: Options, fields: Dialect["fields"]) =>
  Either.all({ baseOf: PublicUrl.make(options), cors: TusCors.make(options.cors, fields) })
