/**
 * The bytes of one file, in the page cache and on the disk. Written bytes are read back at once, and survive a power
 * cut only if they were synced; each unsynced write is lost, kept or torn on its own. Bytes whose sync failed are lost
 * for good, though they can still be read: the kernel takes them for written.
 */
import type { Dice } from "./Dice.js"
import type { Sync } from "./Directory.js"

type Change =
  & { readonly nth: number }
  & (
    | { readonly _tag: "Write"; readonly at: number; readonly bytes: Uint8Array }
    | { readonly _tag: "Truncate"; readonly size: number }
  )

export class Contents {
  /** As processes see them. */
  bytes: Uint8Array = new Uint8Array()
  /** The time of the last write, in milliseconds. */
  writtenAt = 0
  private durable: Uint8Array = new Uint8Array()
  private pending: Array<Change> = []
  private count = 0

  write(at: number, bytes: Uint8Array): void {
    this.change({ nth: ++this.count, _tag: "Write", at, bytes: new Uint8Array(bytes) })
  }

  truncate(size: number): void {
    this.change({ nth: ++this.count, _tag: "Truncate", size })
  }

  private change(change: Change): void {
    this.pending.push(change)
    this.bytes = apply(this.bytes, change)
  }

  /** Starts a sync: when it ends, everything written by now is durable; if it fails, that is lost. */
  mark(): Sync {
    const last = this.count
    return {
      end: () => {
        const done = this.pending.filter(({ nth }) => nth <= last)
        this.durable = done.reduce(apply, this.durable)
        this.pending = this.pending.filter(({ nth }) => nth > last)
      },
      fail: () => {
        this.pending = []
      }
    }
  }

  cutPower(dice: Dice): void {
    for (const change of this.pending) {
      if (dice.chance(0.6)) {
        this.durable = apply(this.durable, dice.chance(0.3) ? torn(change, dice) : change)
      }
    }
    this.pending = []
    this.bytes = this.durable
  }

  /** Whether the first `size` bytes, as they are read now, would survive any power cut. */
  isLasting(size: number): boolean {
    return starts(this.durable, this.bytes.subarray(0, size)) &&
      this.pending.every((change) =>
        change._tag === "Truncate"
          ? change.size >= size
          : change.at >= size || starts(this.bytes.subarray(change.at), change.bytes.subarray(0, size - change.at))
      )
  }
}

const starts = (bytes: Uint8Array, prefix: Uint8Array) =>
  bytes.length >= prefix.length && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0

const apply = (bytes: Uint8Array, change: Change): Uint8Array => {
  if (change._tag === "Truncate") {
    return resize(bytes, change.size)
  }
  const next = resize(bytes, Math.max(bytes.length, change.at + change.bytes.length))
  next.set(change.bytes, change.at)
  return next
}

/** A copy of another size, filled with zeros. */
const resize = (bytes: Uint8Array, size: number): Uint8Array => {
  const next = new Uint8Array(size)
  next.set(bytes.subarray(0, size))
  return next
}

/** Some bytes in the middle of the write are missing. */
const torn = (change: Change, dice: Dice): Change => {
  if (change._tag === "Truncate") {
    return change
  }
  const bytes = new Uint8Array(change.bytes)
  const from = dice.whole(0, bytes.length)
  return dice.chance(0.5)
    ? { ...change, bytes: bytes.subarray(0, from) }
    : { ...change, bytes: bytes.fill(0, from, dice.whole(from, bytes.length)) }
}
