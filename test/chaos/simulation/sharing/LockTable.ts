/**
 * The tables of a leased lock as a database keeps them: leases of processes by its clock, one row for each upload that
 * is held, fences of a sequence. Each method is one statement, and takes effect at once.
 */
import type { Upload } from "effect-tus"
import * as Option from "effect/Option"

type Id = Upload.UploadId

/** Says that it may be worth to look. It may be lost, doubled or late. */
export interface Hint {
  /** Somebody wants an upload that the process holds, or an upload is free again. */
  readonly _tag: "Wanted" | "Freed"
  readonly id: Id
}

/** An upload that is held. */
export interface Row {
  readonly id: Id
  readonly fence: number
  /** Whether somebody else waits for it. */
  readonly wanted: boolean
}

interface Held extends Row {
  readonly server: string
}

/** How long a process is taken for alive after it was heard of, in milliseconds. */
export const lease = 15_000

export class LockTable {
  private readonly aliveUntil = new Map<string, number>()
  private readonly held = new Map<Id, Held>()
  private sequence = 0
  private readonly now: () => number
  private readonly notify: (server: string, hint: Hint) => void

  /**
   * @param now - the clock of the database, in milliseconds.
   * @param notify - sends a hint to one process.
   */
  constructor(now: () => number, notify: (server: string, hint: Hint) => void) {
    this.now = now
    this.notify = notify
  }

  /** All uploads that are held. */
  get rows(): ReadonlyArray<Held> {
    return Array.from(this.held.values())
  }

  /** @param until - when the lease runs out; by the clock of the database, if it is not given. */
  beat(server: string, until: number = this.now() + lease): void {
    this.aliveUntil.set(server, until)
  }

  /**
   * Gives the upload to a process if nobody else holds it, or whoever does is dead, with a new fence. Otherwise notes
   * that somebody wants it, if the process says so.
   */
  acquire(server: string, id: Id, wants: boolean): Option.Option<number> {
    const row = this.held.get(id)
    if (row !== undefined && row.server !== server && this.isAlive(row.server)) {
      if (wants) {
        this.held.set(id, { ...row, wanted: true })
        this.notify(row.server, { _tag: "Wanted", id })
      }
      return Option.none()
    }
    const fence = ++this.sequence
    this.held.set(id, { id, server, fence, wanted: false })
    return Option.some(fence)
  }

  /** What a process holds. */
  mine(server: string): ReadonlyArray<Row> {
    return this.rows.filter((row) => row.server === server)
  }

  /** Frees the upload, unless it is held under another fence by now. */
  release(server: string, id: Id, fence: number): void {
    const row = this.held.get(id)
    if (row?.server === server && row.fence === fence) {
      this.held.delete(id)
      if (row.wanted) {
        this.aliveUntil.forEach((_, other) => other === server || this.notify(other, { _tag: "Freed", id }))
      }
    }
  }

  private isAlive(server: string): boolean {
    return (this.aliveUntil.get(server) ?? 0) > this.now()
  }
}
