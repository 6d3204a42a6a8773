/**
 * How many bytes go into one request. Pure.
 */
import * as Option from "effect/Option"

/**
 * Bounds in bytes. Chunks are as large as they may be, and half as large after each one that a server finds too large.
 */
export interface Range {
  /**
   * Chunks are not made smaller than this, whatever happens; the last one is as small as it has to be. 64 KiB by
   * default.
   */
  readonly min?: number | undefined
  /** No more than this. The whole rest by default. */
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

/** What is wrong with it. */
export const check = (size: ChunkSize): Option.Option<string> => {
  const { max, min, multipleOf } = rangeOf(size)
  return !isSize(min) || !isSize(multipleOf) || (max !== Number.POSITIVE_INFINITY && !isSize(max))
    ? Option.some("expected whole numbers of bytes above 0")
    : typeof size === "object" && size.min !== undefined && size.min > max
    ? Option.some("expected min to be at most max")
    : floor(max, multipleOf) < multipleOf
    ? Option.some("expected max to have room for multipleOf")
    : Option.none()
}

/** Bytes for the next request, where `left` remain and `limit` was learnt. */
export const next = (size: ChunkSize, limit: number, left: number): number => {
  const { max, min, multipleOf } = rangeOf(size)
  const most = Math.max(Math.min(max, limit), min, multipleOf)
  return left <= most ? left : floor(most, multipleOf)
}

/** The limit that is learnt when `tried` bytes were too many; none where fewer are not allowed. */
export const halve = (size: ChunkSize, tried: number): Option.Option<number> => {
  const { min, multipleOf } = rangeOf(size)
  const half = floor(Math.ceil(tried / 2), multipleOf)
  return tried > min && tried > multipleOf ? Option.some(Math.max(half, min, multipleOf)) : Option.none()
}

const isSize = (n: number) => Number.isSafeInteger(n) && n > 0

const floor = (n: number, multipleOf: number) => (Number.isFinite(n) ? n - (n % multipleOf) : n)
