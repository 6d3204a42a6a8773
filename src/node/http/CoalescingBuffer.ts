/**
 * Bytes between a source that pushes and a reader that pulls. Each pull takes everything that has arrived since the
 * last one: an idle trickle moves at once and a flood moves in big batches, without timers.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { AbortReason } from "../../server/body/UploadBody.js"
import * as ReleaseBuffers from "./ReleaseBuffers.js"

/** The bytes that one body may keep in memory. */
const bufferSize = 1024 * 1024

/** The bytes that all bodies of a process may keep in memory. A body that keeps none may always read once. */
export interface Budget {
  readonly limit: number
  used: number
}

/** A readable stream of Node. It is paused while too many bytes wait. */
interface Source {
  pause(): unknown
  resume(): unknown
  isPaused(): boolean
}

type Pulled = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<AbortReason>>

export class CoalescingBuffer {
  private chunks: Array<Uint8Array> = []
  private size = 0
  /** Lent to the reader until its next pull, see `UploadBody`. */
  private lent: Array<Uint8Array> = []
  private ending: Pulled | undefined
  private waiter: ((pulled: Pulled) => void) | undefined
  private readonly source: Source
  private readonly budget: Budget

  constructor(source: Source, budget: Budget) {
    this.source = source
    this.budget = budget
  }

  push(bytes: Uint8Array): void {
    this.chunks.push(bytes)
    this.size += bytes.length
    this.budget.used += bytes.length
    if (this.size >= bufferSize || this.budget.used >= this.budget.limit) {
      this.source.pause()
    }
    this.wake()
  }

  /** Ends the bytes behind those that have arrived: cut off for a reason, or complete. The first end counts. */
  end(cut: Option.Option<AbortReason>): void {
    this.ending ??= Effect.fail(cut)
    this.wake()
  }

  /** Drops the bytes that have arrived. */
  discard(): void {
    this.budget.used -= this.size
    this.chunks = []
    this.size = 0
  }

  /** Everything that has arrived; else it waits for bytes or the end. */
  pull(): Pulled {
    ReleaseBuffers.free(this.lent)
    this.lent = []
    return this.take() ?? Effect.async((resume) => {
      this.waiter = resume
      return Effect.sync(() => {
        this.waiter = undefined
      })
    })
  }

  /** The pull that waits, by identity; undefined if none does. */
  get waiting(): object | undefined {
    return this.waiter
  }

  private take(): Pulled | undefined {
    if (this.size === 0) {
      return this.ending
    }
    const batch = Chunk.unsafeFromArray(this.chunks)
    this.lent = this.chunks
    this.discard()
    if (this.source.isPaused()) {
      this.source.resume()
    }
    return Effect.succeed(batch)
  }

  private wake(): void {
    const pulled = this.waiter === undefined ? undefined : this.take()
    if (pulled !== undefined) {
      this.waiter?.(pulled)
      this.waiter = undefined
    }
  }
}
