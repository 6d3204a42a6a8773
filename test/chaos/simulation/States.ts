/**
 * The true states of all uploads, separate from the registry under test, and what no change may do to them.
 */
import { type Upload, type UploadRegistry, UploadStoreError } from "effect-tus"
import * as Option from "effect/Option"
import { isDeepStrictEqual } from "node:util"
import * as Moves from "../../../src/protocol/Moves.js"
import type { Process } from "./Kernel.js"
import { Tails } from "./Tails.js"
import type { World } from "./World.js"

type Entry = UploadRegistry.StoredUpload

/** A write that took effect. */
export type Change =
  & {
    readonly entry: Entry
    readonly fence: number
    readonly durable: boolean
    readonly tail?: Uint8Array | undefined
  }
  & ({ readonly _tag: "Create" | "Remove" } | { readonly _tag: "Commit"; readonly before: Entry })

/** The bytes of a complete upload move from the registry into the byte store, and its state stays the same. */
const isMoved = ({ stored, upload: before }: Entry, { stored: now, upload: after }: Entry): boolean =>
  before.completion._tag === "Complete" && before.kind._tag === "Whole" && stored < before.offset &&
  now === before.offset && isDeepStrictEqual(before, after)

export class States {
  private entries = new Map<Upload.UploadId, Entry>()
  readonly tails = new Tails()
  readonly removed = new Set<Upload.UploadId>()
  private readonly claimants = new Map<Upload.UploadId, Process>()
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  get(id: Upload.UploadId | undefined): Entry | undefined {
    return id === undefined ? undefined : this.entries.get(id)
  }

  all(): ReadonlyArray<Entry> {
    return Array.from(this.entries.values())
  }

  /** A process has taken over an upload: what others still do to it is refused. */
  claim(entry: Entry, process: Process): void {
    const { id } = entry.upload
    this.entries.set(id, entry)
    this.claimants.set(id, process)
  }

  /** Whether another process has taken over an upload. */
  isLost(id: Upload.UploadId, process: Process): boolean {
    return (this.claimants.get(id) ?? process) !== process
  }

  /** A read returns the current state, and no older one. */
  checkRead(id: Upload.UploadId, entry: Option.Option<Entry>, immediate: boolean): void {
    const read = Option.getOrUndefined(entry)?.version
    const known = this.entries.get(id)?.version
    this.world.claim(
      read === known || (!immediate && (read === undefined || known === undefined || read > known)),
      "P1",
      () => `the registry tells another state of ${id} than was committed`
    )
  }

  /**
   * A process that is alone is refused only what it should not have tried. A second one starts with fences that are too
   * low.
   */
  checkRefusal(change: Change, error: unknown): void {
    const { upload: { id }, version } = change._tag === "Commit" ? change.before : change.entry
    const isStale = change._tag === "Create" || this.entries.get(id)?.version !== version
    const isAlone = this.world.story.otherServers === "none"
    if (error instanceof UploadStoreError.Superseded) {
      this.world.claim(isStale || !isAlone, "P3", () => `the one writer of ${id} is refused`)
      this.world.application.excuse()
    }
  }

  change(change: Change, process: Process): void {
    const { entry } = change
    const { id } = entry.upload
    const before = this.entries.get(id)
    this.tails.change(change)
    const claim = (holds: boolean, promise: string, why: string) =>
      this.world.claim(holds, promise, () => `${why}: ${id}`)
    if (change._tag === "Create") {
      this.checkLegal(undefined, entry.upload)
      claim(before === undefined && !this.removed.has(id), "P10", "an id is given twice")
      this.entries.set(id, entry)
      if (entry.upload.offset > 0) {
        this.world.promises.committed(entry.upload.cut(0), entry)
      }
    } else {
      const held = change._tag === "Commit" ? change.before : entry
      claim(before !== undefined, "P3", "an upload that is gone is written to")
      claim(before?.version === held.version, "P3", "a writer replaces a state it has not seen")
      claim((before?.fence ?? 0) <= change.fence, "P3", "a stale fence is accepted")
      if (change._tag === "Remove") {
        this.checkLegal((before ?? entry).upload, undefined)
        this.world.promises.removed((before ?? entry).upload, process)
        this.entries.delete(id)
        this.removed.add(id)
      } else {
        claim(entry.version === held.version + 1, "P3", "a version is left out")
        if (!isMoved(before ?? held, entry)) {
          this.checkLegal((before ?? held).upload, entry.upload)
          this.checkMove((before ?? held).upload, entry.upload)
        }
        this.entries.set(id, entry)
        if (this.world.writers.hasFailed(id) && entry.upload.isOpen && entry.upload.offset <= held.synced) {
          this.world.writers.setBack(id, process)
          this.world.promises.setBack(held, entry)
        }
        this.world.promises.committed((before ?? held).upload, entry)
      }
    }
    this.world.touch(id)
  }

  private checkLegal(from: Upload.Upload | undefined, to: Upload.Upload | undefined): void {
    this.world.claim(
      Option.isSome(Moves.between(Option.fromNullable(from), Option.fromNullable(to))),
      "P9",
      () => `no legal move leads from ${from?.completion._tag} to ${to?.completion._tag}: ${(from ?? to)?.id}`
    )
  }

  private checkMove(from: Upload.Upload, to: Upload.Upload): void {
    // If two servers write at once, only the states are promised.
    const mayLack = this.world.story.otherServers === "at once" || this.world.promises.damaged.has(from.id)
    const claim = (holds: boolean, promise: string, why: string) =>
      this.world.claim(holds, promise, () => `${why}: ${from.id}`)
    claim(
      to.offset >= from.offset || this.world.writers.hasFailed(from.id) || mayLack,
      "P1",
      `the offset goes back from ${from.offset} to ${to.offset}`
    )
    claim(
      Option.isNone(from.length) || Option.getOrUndefined(to.length) === from.length.value,
      "P7",
      "a length that was set is changed"
    )
    claim(
      from.isOpen || (from.isPartial && mayLack) ||
        (from.completion._tag === "Finishing" && to.offset === from.offset && !to.isOpen),
      "P9",
      `what is ${from.completion._tag} becomes ${to.completion._tag}`
    )
    claim(
      to.metadata === from.metadata || Option.getOrUndefined(to.metadata) === Option.getOrUndefined(from.metadata),
      "P1",
      "the metadata changes"
    )
  }

  /** After a reboot only the offset may differ. */
  setBack(before: Entry, after: Entry): void {
    this.checkLegal(before.upload, after.upload)
    this.checkMove(after.upload, before.upload)
    this.tails.change({ _tag: "Commit", before, entry: after, fence: after.fence, durable: false })
    this.entries.set(after.upload.id, after)
    this.world.promises.setBack(before, after)
    this.world.touch(after.upload.id)
  }

  /** Takes over what a power cut left. Returns the removed uploads that are there again. */
  restore(log: ReadonlyArray<Change>): ReadonlyArray<Entry> {
    const removed = new Set(this.removed)
    const before = new Set([...this.entries.keys(), ...this.removed])
    this.entries = new Map()
    this.removed.clear()
    this.tails.clear()
    for (const change of log) {
      const { _tag, entry } = change
      this.tails.change(change)
      if (_tag === "Remove") {
        this.entries.delete(entry.upload.id)
        this.removed.add(entry.upload.id)
      } else {
        this.entries.set(entry.upload.id, entry)
      }
    }
    before.forEach((id) => this.world.touch(id))
    return this.all().filter(({ upload }) => removed.has(upload.id))
  }
}
