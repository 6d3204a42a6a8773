/**
 * Checks options when a layer is built. The error is one sentence.
 */
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** An option that makes no sense. */
export class OptionError extends Schema.TaggedError<OptionError>("effect-tus/OptionError")("OptionError", {
  /** Its name with the names of the options around it: `cors.origins`. */
  option: Schema.String,
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `${this.option}: expected ${this.expected}, got ${JSON.stringify(this.actual)}`
  }
}

/** A whole number in a range. */
export const whole = (from: number, to: number = Number.MAX_SAFE_INTEGER): Schema.Schema<number> =>
  Schema.declare((u): u is number => Number.isSafeInteger(u) && Number(u) >= from && Number(u) <= to).annotations({
    message: () =>
      to === Number.MAX_SAFE_INTEGER ? `a whole number from ${from}` : `a whole number from ${from} to ${to}`
  })

/** A duration that something may take or live. */
export const duration: Schema.Schema<Duration.DurationInput> = Schema.declare(
  (u): u is Duration.DurationInput => Option.isSome(Duration.decodeUnknown(u)) && (!Predicate.isNumber(u) || u >= 0)
).annotations({ message: () => `a duration such as "30 seconds"` })

/** A time limit. Zero makes no sense: nothing would ever begin. */
export const timeout: Schema.Schema<Duration.DurationInput> = Schema.declare(
  (u): u is Duration.DurationInput => Option.exists(Duration.decodeUnknown(u), Duration.greaterThan(Duration.zero))
).annotations({ message: () => `a duration above zero, such as "30 seconds", or Infinity for no end` })

/** The path of a collection. The empty path is the whole server. */
export const path: Schema.Schema<string> = Schema.String.pipe(Schema.pattern(/^(\/[^/?#\s]+)*$/)).annotations({
  message: () => "a path such as /files, with one / before each name and none at its end",
  override: true
})

/** `true` or `false`; text and numbers are refused. */
export const flag: Schema.Schema<boolean> = Schema.Boolean.annotations({ message: () => "true or false" })

/** A text of at least one character. */
export const text: Schema.Schema<string> = Schema.NonEmptyString.annotations({
  message: () => "a text that is not empty",
  override: true
})

/** One of these texts. The message lists them. */
export const oneOf = <A extends string>(...values: ReadonlyArray<A>): Schema.Schema<A> =>
  Schema.declare((u): u is A => values.some((value) => value === u)).annotations({
    message: () => `one of ${values.join(", ")}`
  })

/** Names the first option that its Schema refuses. Options that the Schema does not know are ignored. */
export const check = <A>(schema: Schema.Schema<A>) => {
  const validate = Schema.validateEither(schema)
  return <O>(options: O): Either.Either<O, OptionError> =>
    Either.mapBoth(validate(options), {
      onLeft: (error) => {
        const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
        const path = issue?.path ?? []
        const actual = path.reduce<unknown>(
          (value, key) => Predicate.hasProperty(value, key) ? value[key] : undefined,
          options
        )
        return new OptionError({
          option: path.map(String).join("."),
          expected: issue?.message ?? error.message,
          actual: String(actual)
        })
      },
      onRight: () => options
    })
}
