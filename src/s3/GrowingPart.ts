/**
 * The bytes of a part that grows, from some place in it on: those before lie in objects already.
 */

/** The least memory that is taken. */
const least = 64 * 1024

export class GrowingPart {
  /** Where its first byte lies in the upload. */
  readonly start: number
  private bytes = new Uint8Array()
  private size = 0

  constructor(start: number) {
    this.start = start
  }

  get end(): number {
    return this.start + this.size
  }

  /** How much memory it needs to hold `more` bytes, of at most `limit` in the end; undefined if it has enough. */
  needs(more: number, limit: number): number | undefined {
    const wanted = this.size + more
    if (wanted <= this.bytes.length) {
      return undefined
    }
    let capacity = Math.max(least, this.bytes.length)
    while (capacity < wanted) {
      capacity *= 2
    }
    return Math.min(capacity, limit)
  }

  /** Moves into memory of this size, and returns the size of what it has left. */
  grow(capacity: number): number {
    const before = this.bytes.length
    const grown = new Uint8Array(capacity)
    grown.set(this.bytes.subarray(0, this.size))
    this.bytes = grown
    return before
  }

  push(chunk: Uint8Array): void {
    this.bytes.set(chunk, this.size)
    this.size += chunk.length
  }

  /** Its bytes from this place of the upload on. They are those of the memory, not copied. */
  from(at: number): Uint8Array {
    return this.bytes.subarray(Math.min(at - this.start, this.size), this.size)
  }
}
