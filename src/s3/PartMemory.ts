/**
 * The memory in which parts grow: one bounded pool for all uploads of a process. Knows nothing about S3.
 *
 * Whoever finds too little waits in order of arrival. Memory of parts that are on their way comes back by itself; if
 * none is, the oldest holder is asked to write down what it has, and to give its memory back.
 */
import * as Effect from "effect/Effect"

interface Waiting {
  readonly bytes: number
  readonly granted: () => void
}

export class PartMemory {
  private free: number
  private leastFree: number
  private readonly waiting: Array<Waiting> = []
  private readonly holders = new Set<Holder>()

  /** In bytes. */
  readonly limit: number

  constructor(limit: number) {
    this.limit = limit
    this.free = limit
    this.leastFree = limit
  }

  /** The most bytes that were taken at once. */
  get peak(): number {
    return this.limit - this.leastFree
  }

  /** The bytes that are taken. */
  get taken(): number {
    return this.limit - this.free
  }

  /** For one upload. `spill` is called once each time its memory is wanted; it may be called from any fiber. */
  holder(spill: () => void): Holder {
    const holder = new Holder(this, spill)
    this.holders.add(holder)
    return holder
  }

  leave(holder: Holder): void {
    this.holders.delete(holder)
    this.settle()
  }

  /** Takes bytes now, or returns false. */
  take(bytes: number): boolean {
    const isThere = this.waiting.length === 0 && bytes <= this.free
    if (isThere) {
      this.reduce(bytes)
    }
    return isThere
  }

  /** Takes bytes once they are there; `granted` is called then. Returns a function that gives up. */
  wait(bytes: number, granted: () => void): () => void {
    const entry = { bytes: Math.min(bytes, this.limit), granted }
    this.waiting.push(entry)
    this.settle()
    return () => {
      const index = this.waiting.indexOf(entry)
      if (index >= 0) {
        this.waiting.splice(index, 1)
        this.settle()
      }
    }
  }

  give(bytes: number): void {
    this.free += bytes
    this.settle()
  }

  /** Runs an effect that needs this much memory, which comes back by itself. */
  use<A, E, R>(bytes: number, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => {
      const holder = this.holder(() => {})
      const wanted = Math.min(bytes, this.limit)
      const taken = Effect.async<void>((resume) => {
        const giveUp = this.wait(wanted, () => {
          holder.fly(wanted)
          resume(Effect.void)
        })
        return Effect.sync(giveUp)
      })
      return Effect.acquireUseRelease(
        Effect.interruptible(taken),
        () => effect,
        () => Effect.sync(() => holder.close())
      )
    })
  }

  private reduce(bytes: number): void {
    this.free -= bytes
    this.leastFree = Math.min(this.leastFree, this.free)
  }

  private settle(): void {
    for (let first = this.waiting[0]; first !== undefined && first.bytes <= this.free; first = this.waiting[0]) {
      this.waiting.shift()
      this.reduce(first.bytes)
      first.granted()
    }
    const holders = [...this.holders]
    if (this.waiting.length > 0 && holders.every(({ isFreeing }) => !isFreeing)) {
      holders.filter(({ held }) => held > 0).toSorted((a, b) => a.since - b.since)[0]?.ask()
    }
  }
}

let count = 0

/** The memory of one upload, in bytes. */
class Holder {
  /** Of the part that grows. */
  held = 0
  /** Of the part that is on its way. */
  flying = 0
  /** Orders holders by the time since which they hold something. */
  since = 0
  private isAsked = false

  private readonly memory: PartMemory
  private readonly spill: () => void

  constructor(memory: PartMemory, spill: () => void) {
    this.memory = memory
    this.spill = spill
  }

  get isFreeing(): boolean {
    return this.flying > 0 || (this.isAsked && this.held > 0)
  }

  /** These bytes were taken for the part that grows. */
  hold(bytes: number): void {
    if (this.held === 0) {
      this.since = ++count
      this.isAsked = false
    }
    this.held += bytes
  }

  /** These bytes were taken for a part that is on its way. */
  fly(bytes: number): void {
    this.flying += bytes
  }

  /** Gives back some or all bytes of the part that grows. */
  drop(bytes = this.held): void {
    this.held -= bytes
    if (bytes > 0) {
      this.memory.give(bytes)
    }
  }

  /** The part that has grown is on its way. */
  send(): void {
    this.flying += this.held
    this.held = 0
  }

  /** The part has arrived. */
  land(): void {
    const bytes = this.flying
    this.flying = 0
    this.memory.give(bytes)
  }

  ask(): void {
    this.isAsked = true
    this.spill()
  }

  close(): void {
    this.drop()
    this.land()
    this.memory.leave(this)
  }
}

export type { Holder }
