/**
 * Splits buffers into groups of which each fits one `writev` call.
 */

/** IOV_MAX on all systems that have it. */
const maxBuffers = 1024

/** The most bytes that an interruption has to wait for. */
const maxBytes = 4 * 1024 * 1024

/** The buffers in order, in groups for one call each. Empty buffers are dropped, so no group is empty. */
export const split = (buffers: Iterable<Uint8Array>): ReadonlyArray<ReadonlyArray<Uint8Array>> => {
  const groups: Array<Array<Uint8Array>> = []
  let group: Array<Uint8Array> = []
  let room = 0
  for (const buffer of buffers) {
    for (let start = 0; start < buffer.length;) {
      if (room === 0 || group.length === maxBuffers) {
        group = []
        groups.push(group)
        room = maxBytes
      }
      const piece = start === 0 && buffer.length <= room ? buffer : buffer.subarray(start, start + room)
      group.push(piece)
      room -= piece.length
      start += piece.length
    }
  }
  return groups
}

/** The buffers without their first `count` bytes. */
export const drop = (buffers: ReadonlyArray<Uint8Array>, count: number): ReadonlyArray<Uint8Array> => {
  let left = count
  const first = buffers.findIndex(({ length }) => {
    if (length > left) {
      return true
    }
    left -= length
    return false
  })
  return first === -1 ? [] : buffers.slice(first).map((buffer, i) => (i === 0 ? buffer.subarray(left) : buffer))
}
