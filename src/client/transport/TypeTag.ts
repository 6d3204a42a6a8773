/**
 * What a value is that comes from JavaScript, where types do not hold. Pure; those of another realm, such as a test's,
 * are no instances of the classes here.
 */

/** As in `[object Map]`. */
export const of = (value: unknown): string => Object.prototype.toString.call(value)

export const isBytes = (value: unknown): value is Uint8Array => of(value) === "[object Uint8Array]"

/** An object with its own keys: what a `Map` or a `Headers` holds is not among them. */
export const isPlain = (value: unknown): boolean => of(value) === "[object Object]"
