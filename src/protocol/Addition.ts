/**
 * What an application says in an answer. The rules pass it on without reading it.
 */
import * as Schema from "effect/Schema"

/** Fields of an answer, by lower-case name. */
export const Fields = Schema.Record({
  key: Schema.String.pipe(Schema.pattern(/^[a-z0-9!#$%&'*+.^_`|~-]+$/)),
  value: Schema.String.pipe(Schema.pattern(/^[\t\x20-\x7e]*$/))
})

/**
 * What an application adds to the answer by which an upload becomes complete. A field never replaces one of the
 * protocol's own.
 */
export const Addition = Schema.Struct({
  headers: Schema.optional(Fields),
  body: Schema.optional(Schema.String)
})
export type Addition = typeof Addition.Type
