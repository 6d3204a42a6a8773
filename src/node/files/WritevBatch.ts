/**
 * Buffers on their way into a file, cut to what one call may take.
 */

/** IOV_MAX, on every system that has one. */
const maxBuffers = 1024

/** How much an interruption has to wait for. */
const maxBytes = 4 * 1024 * 1024

/** The buffers, in order, in groups for one call each. Empty ones are left out, so no group is empty. */
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

/** What is left of the buffers behind their first `count` bytes. */
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
