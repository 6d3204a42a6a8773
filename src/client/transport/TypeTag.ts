/**
 * The type of a value from JavaScript, which types do not check. `instanceof` would not recognize objects of another
 * realm, such as those of a test. Pure.
 */

/** As in `[object Map]`. */
export const of = (value: unknown): string => Object.prototype.toString.call(value)

export const isBytes = (value: unknown): value is Uint8Array => of(value) === "[object Uint8Array]"

/** A plain object. The entries of a `Map` or `Headers` are not its keys. */
export const isPlain = (value: unknown): boolean => of(value) === "[object Object]"
