/**
 * The wire protocol in which an upload was created. Its name is stored with the state. A version of the library that
 * does not serve the dialect leaves the upload to one that does.
 */
import * as Schema from "effect/Schema"

/** The name of a dialect, whether this version serves it or not: 1 to 32 letters, digits, dots and hyphens. */
export const Dialect = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z0-9][A-Za-z0-9.-]{0,31}$/, {
    message: () => "expected a dialect: 1 to 32 letters, digits, dots or hyphens"
  })
)
export type Dialect = typeof Dialect.Type

/** The dialects that this version serves. */
export const served: ReadonlySet<Dialect> = new Set(["tus"])

/** Whether this version may serve the upload. */
export const isServed = ({ dialect }: { readonly dialect: Dialect }): boolean => served.has(dialect)
