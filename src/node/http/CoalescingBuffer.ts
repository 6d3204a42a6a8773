/**
 * Bytes between a source that pushes and a reader that pulls. Each pull takes everything that has arrived since the
 * last one: an idle trickle moves at once and a flood moves in big batches, without timers. A small body moves whole.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { clearTimeout, setTimeout } from "node:timers"
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

/** A body of at most so many bytes is small: it is handed over whole. */
const smallBytes = 64 * 1024

/** How long the rest of a small body is waited for once its first bytes are there. Then it is handed over in pieces. */
const wholeMillis = 1000

export class CoalescingBuffer {
  private chunks: Array<Uint8Array> = []
  private size = 0
  /** Lent to the reader until its next pull, see `UploadBody`. */
  private lent: Array<Uint8Array> = []
  private ending: Pulled | undefined
  private waiter: ((pulled: Pulled) => void) | undefined
  private readonly source: Source
  private readonly budget: Budget
  /** Bytes of a small body that have not arrived yet; `Infinity` for any other body. */
  private missing: number
  /** Whether a small body waits for its missing bytes. */
  private isGathering: boolean
  private late: NodeJS.Timeout | undefined

  /** @param length - the announced bytes of the body; `Infinity` if they are not announced. */
  constructor(source: Source, budget: Budget, length = Infinity) {
    this.source = source
    this.budget = budget
    this.missing = length <= smallBytes ? length : Infinity
    this.isGathering = length <= smallBytes
  }

  push(bytes: Uint8Array): void {
    this.chunks.push(bytes)
    this.size += bytes.length
    this.missing -= bytes.length
    this.budget.used += bytes.length
    if (this.size >= bufferSize || this.budget.used >= this.budget.limit) {
      this.source.pause()
      this.isGathering = false
    }
    if (this.missing === 0) {
      this.ending ??= ended
    }
    this.wake()
  }

  /** Ends the bytes behind those that have arrived: cut off for a reason, or complete. The first end counts. */
  end(cut: Option.Option<AbortReason>): void {
    this.ending ??= Effect.fail(cut)
    this.wake()
  }

  /** Hands over what has arrived of a small body, and the rest in pieces. Returns whether there was something. */
  flush(): boolean {
    const isHeldBack = this.isGathering && this.size > 0
    this.isGathering = false
    this.wake()
    return isHeldBack
  }

  /** Drops the bytes that have arrived. */
  discard(): void {
    clearTimeout(this.late)
    this.budget.used -= this.size
    this.chunks = []
    this.size = 0
  }

  /** Everything that has arrived; else it waits for bytes or the end. An interrupted pull may lose what arrives. */
  pull(): Pulled {
    ReleaseBuffers.free(this.lent)
    this.lent = []
    return this.take() ?? Effect.async((resume) => {
      this.waiter = resume
    })
  }

  /** The pull that waits, by identity; undefined if none does. */
  get waiting(): object | undefined {
    return this.waiter
  }

  /** Whether the body is small, and handed over whole. */
  get isSmall(): boolean {
    return this.missing !== Infinity
  }

  /** Whether all announced bytes of a small body have arrived. */
  get isWhole(): boolean {
    return this.missing === 0
  }

  /** Whether everything was handed over, and only the end is left. */
  get hasEnded(): boolean {
    return this.size === 0 && this.ending === ended
  }

  private take(): Pulled | undefined {
    if (this.size === 0) {
      return this.ending
    }
    if (this.isGathering && this.ending === undefined) {
      this.late ??= setTimeout(() => this.flush(), wholeMillis)
      return undefined
    }
    const batch = Chunk.unsafeFromArray(this.chunks)
    this.lent = this.chunks
    this.discard()
    if (this.source.isPaused()) {
      this.source.resume()
    }
    return Exit.succeed(batch)
  }

  private wake(): void {
    const pulled = this.waiter === undefined ? undefined : this.take()
    if (pulled !== undefined) {
      const { waiter } = this
      this.waiter = undefined
      waiter?.(pulled)
    }
  }
}

const ended: Pulled = Exit.fail(Option.none())
