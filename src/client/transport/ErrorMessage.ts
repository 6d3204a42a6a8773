/**
 * The message of an error, never empty. Some errors have a message only in their cause, or in the errors that they
 * aggregate. Pure.
 */
import * as Predicate from "effect/Predicate"

export const of = (cause: unknown): string => words(cause, 0)

const words = (cause: unknown, depth: number): string => {
  if (!Predicate.isObject(cause) || depth === 8) {
    return String(cause)
  }
  const said = textOf(cause, "message")
  const inner = "errors" in cause && Array.isArray(cause.errors) && cause.errors.length > 0
    ? [...new Set(cause.errors.map((each) => words(each, depth + 1)))].join("; ")
    : "cause" in cause && cause.cause !== undefined
    ? words(cause.cause, depth + 1)
    : ""
  return said === ""
    ? inner || textOf(cause, "code") || textOf(cause, "name") || String(cause)
    : said.includes(inner)
    ? said
    : `${said}: ${inner}`
}

const textOf = (from: object, property: string): string => {
  const value = Predicate.hasProperty(from, property) ? from[property] : undefined
  return typeof value === "string" ? value.trim() : ""
}
