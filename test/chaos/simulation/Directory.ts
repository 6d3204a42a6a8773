/**
 * The entries of one directory. They survive a power cut only if the directory was synced; each unsynced change is lost
 * or kept on its own. A failed sync loses none of them: entries go through the journal of the file system, and if that
 * cannot be written, nothing is written any more.
 */
import type { Contents } from "./Contents.js"
import type { Dice } from "./Dice.js"

export type Node = Contents | Directory

/** New entries; undefined for a removed one. */
export type Change = ReadonlyArray<readonly [name: string, node: Node | undefined]>

/** A change of two directories that a power cut keeps or loses as a whole: a rename from one to the other. */
export interface Whole {
  isKept?: boolean
}

/** A started sync, and its two ends. */
export interface Sync {
  readonly end: () => void
  readonly fail: () => void
}

export class Directory {
  names: ReadonlyMap<string, Node> = new Map()
  private durable: ReadonlyMap<string, Node> = new Map()
  private pending: Array<{ readonly nth: number; readonly change: Change; readonly whole: Whole | undefined }> = []
  private count = 0
  private readonly isEager: boolean

  /** @param isEager - whether changes are durable at once. */
  constructor(isEager: boolean) {
    this.isEager = isEager
  }

  /** @param whole - the change of two directories that this is a part of. */
  change(change: Change, whole?: Whole): void {
    this.names = apply(this.names, change)
    if (this.isEager) {
      this.durable = this.names
    } else {
      this.pending.push({ nth: ++this.count, change, whole })
    }
  }

  /** Starts a sync: when it ends, every change made by now is durable. */
  mark(): Sync {
    const last = this.count
    return {
      end: () => {
        const done = this.pending.filter(({ nth }) => nth <= last)
        done.forEach(({ whole }) => whole !== undefined && (whole.isKept = true))
        this.durable = done.reduce((names, { change }) => apply(names, change), this.durable)
        this.pending = this.pending.filter(({ nth }) => nth > last)
      },
      fail: () => {}
    }
  }

  cutPower(dice: Dice): void {
    const kept = this.pending.filter(({ whole = {} }) => whole.isKept ??= dice.chance(0.5))
    this.durable = kept.reduce((names, { change }) => apply(names, change), this.durable)
    this.pending = []
    this.names = this.durable
    this.names.forEach((node) => node.cutPower(dice))
  }

  /** Whether this entry would survive any power cut. */
  isLasting(name: string): boolean {
    const node = this.names.get(name)
    return node !== undefined && this.durable.get(name) === node &&
      this.pending.every(({ change }) => change.every(([changed, to]) => changed !== name || to === node))
  }
}

const apply = (names: ReadonlyMap<string, Node>, change: Change): ReadonlyMap<string, Node> => {
  const next = new Map(names)
  for (const [name, node] of change) {
    if (node === undefined) {
      next.delete(name)
    } else {
      next.set(name, node)
    }
  }
  return next
}
