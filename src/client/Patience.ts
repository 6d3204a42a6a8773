/**
 * How long to wait for an answer behind the last bytes of a body, which have left this process and not yet this machine. Pure.
 */

/** What systems and proxies hold back of a connection at most, in bytes. */
const heldBack = 4 * 1024 * 1024

/** What was handed to the system, in bytes, and how long it took to take it, in milliseconds. */
export interface Handed {
  readonly bytes: number
  readonly millis: number
}

/**
 * Besides the time in which something has to move, the one that a line of this speed needs for what may still be held back, in
 * milliseconds. What was taken at once says nothing of the line.
 */
export const allowance = ({ bytes, millis }: Handed): number =>
  bytes === 0 ? 0 : Math.ceil((Math.min(bytes, heldBack) * millis) / bytes)
