/**
 * How long to wait for a response once the last byte of the body has left this process: buffers of the system and of
 * proxies still have to drain. Pure.
 */

/** Systems and proxies buffer at most this much of a connection, in bytes. */
const heldBack = 4 * 1024 * 1024

/** A system accepts this many bytes at once even if the line is slow. */
const unseen = 256 * 1024

/** The slowest line that is expected if nothing is known of it, in bytes a second. */
const slowest = 4 * 1024

/** How many bytes were handed to the system, and how many milliseconds it took to accept them. */
export interface Handed {
  readonly bytes: number
  readonly millis: number
}

/**
 * The time that a line of this speed needs to drain the buffers, in milliseconds, in addition to `timeout`. A short
 * body that was accepted at once says nothing about the line: then the time is at most `timeout` again.
 *
 * @param timeout - how long no byte may move, in milliseconds
 */
export const allowance = ({ bytes, millis }: Handed, timeout: number): number => {
  const measured = bytes === 0 ? 0 : (Math.min(bytes, heldBack) * millis) / bytes
  const presumed = bytes > unseen ? 0 : Math.min((bytes * 1000) / slowest, timeout)
  return Math.ceil(Math.max(measured, presumed))
}
