/**
 * How many bytes are written before Node reads again: as many as the connection accepts in a moment, so that a fast one
 * is kept busy and a slow one shows progress. Pure.
 */

/** In bytes. */
export const least = 64 * 1024

/** In bytes. */
export const most = 2 * 1024 * 1024

/** The size of the next write, after one of `bytes` bytes took `millis` milliseconds. */
export const next = (bytes: number, millis: number): number =>
  millis < 20 ? Math.min(2 * bytes, most) : millis > 200 ? Math.max(bytes / 2, least) : bytes
