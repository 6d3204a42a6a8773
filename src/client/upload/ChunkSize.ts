/**
 * How many bytes one request carries. Pure.
 */
import * as Option from "effect/Option"

/**
 * Bounds in bytes. Chunks are as large as the bounds allow, and half as large after each one that a server finds too
 * large.
 */
export interface Range {
  /** Chunks are never smaller than this, except the last one. 64 KiB by default. */
  readonly min?: number | undefined
  /** Chunks are never larger than this. By default one carries all that is left. */
  readonly max?: number | undefined
  /** Every chunk but the last is a multiple of this many bytes. */
  readonly multipleOf?: number | undefined
}

/** A fixed number of bytes, or a range. */
export type ChunkSize = number | Range

const rangeOf = (size: ChunkSize) => {
  const { max = Number.POSITIVE_INFINITY, min = 64 * 1024, multipleOf = 1 } = typeof size === "number"
    ? { max: size, min: Math.min(size, 64 * 1024) }
    : size
  return { max, min: Math.min(min, max), multipleOf }
}

/** What is expected instead of an invalid option; Option.none if it is valid. */
export const check = (size: ChunkSize): Option.Option<string> => {
  const { max, min, multipleOf } = rangeOf(size)
  return !isSize(min) || !isSize(multipleOf) || (max !== Number.POSITIVE_INFINITY && !isSize(max))
    ? Option.some("whole numbers of bytes above 0")
    : typeof size === "object" && size.min !== undefined && size.min > max
    ? Option.some("min to be at most max")
    : floor(max, multipleOf) < multipleOf
    ? Option.some("max to be at least multipleOf")
    : Option.none()
}

/** Bytes of the next request. `left` bytes remain; `limit` is what the endpoint is known to accept. */
export const next = (size: ChunkSize, limit: number, left: number): number => {
  const { max, min, multipleOf } = rangeOf(size)
  const most = Math.max(Math.min(max, limit), min, multipleOf)
  return left <= most ? left : floor(most, multipleOf)
}

/** The new limit after `tried` bytes were too many; Option.none if chunks cannot be smaller. */
export const halve = (size: ChunkSize, tried: number): Option.Option<number> => {
  const { min, multipleOf } = rangeOf(size)
  const half = floor(Math.ceil(tried / 2), multipleOf)
  return tried > min && tried > multipleOf ? Option.some(Math.max(half, min, multipleOf)) : Option.none()
}

const isSize = (n: number) => Number.isSafeInteger(n) && n > 0

const floor = (n: number, multipleOf: number) => (Number.isFinite(n) ? n - (n % multipleOf) : n)
