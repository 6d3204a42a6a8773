/**
 * The names in one directory: they survive a power cut only where the directory was synced. A change that was not is
 * lost or kept as a whole, each on its own. A sync that fails takes none of them: names go through the file system's
 * journal, and where that cannot be written nothing is written any more.
 */
import type { Contents } from "./Contents.js"
import type { Dice } from "./Dice.js"

export type Node = Contents | Directory

/** Names and what they stand for from now on; nothing for one that is gone. */
export type Change = ReadonlyArray<readonly [name: string, node: Node | undefined]>

/** A change of two directories, which a power cut leaves whole or undone: a name that moves from one to the other. */
export interface Whole {
  isKept?: boolean
}

/** A sync that has begun, and how it may end. */
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

  /** @param isEager - whether names last as soon as they are changed. */
  constructor(isEager: boolean) {
    this.isEager = isEager
  }

  /** @param whole - what this change is a part of, in another directory too. */
  change(change: Change, whole?: Whole): void {
    this.names = apply(this.names, change)
    if (this.isEager) {
      this.durable = this.names
    } else {
      this.pending.push({ nth: ++this.count, change, whole })
    }
  }

  /** What a sync that begins now will bring to the platter once it is done. */
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

  /** Whether this name would stand for the same after any power cut. */
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
