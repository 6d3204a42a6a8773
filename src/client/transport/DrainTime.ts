/**
 * How long to wait for an answer behind the last bytes of a body, which have left this process and not yet this
 * machine. Pure.
 */

/** What systems and proxies hold back of a connection at most, in bytes. */
const heldBack = 4 * 1024 * 1024

/** What a system takes at once of a body, in bytes, though the line behind it is slow. */
const unseen = 256 * 1024

/** The slowest line that is reckoned with where nothing is known of it, in bytes a second. */
const slowest = 4 * 1024

/** What was handed to the system, in bytes, and how long it took to take it, in milliseconds. */
export interface Handed {
  readonly bytes: number
  readonly millis: number
}

/**
 * Besides the time in which something has to move, the one that a line of this speed needs for what may still be held
 * back, in milliseconds. Of a short body that was taken at once nobody knows how slow the line is: it has as long again
 * at most.
 *
 * @param timeout - how long nothing may move, in milliseconds
 */
export const allowance = ({ bytes, millis }: Handed, timeout: number): number => {
  const measured = bytes === 0 ? 0 : (Math.min(bytes, heldBack) * millis) / bytes
  const presumed = bytes > unseen ? 0 : Math.min((bytes * 1000) / slowest, timeout)
  return Math.ceil(Math.max(measured, presumed))
}
