/**
 * What is promised, checked from outside: what was told to clients against what lies in the database and on the disk,
 * now and after the worst of power cuts.
 */
import type { Upload, UploadRegistry } from "effect-tus"
import * as Option from "effect/Option"
import type { RawResponse } from "../../../src/wire/Message.js"
import { type Exchange, isChecked } from "./Connection.js"
import type { Process } from "./Kernel.js"
import { currentOrigin } from "./Network.js"
import { idOf, pathOf } from "./Paths.js"
import * as Removal from "./Removal.js"
import type { Task } from "./Story.js"
import type { World } from "./World.js"

type Id = Upload.UploadId

/** What clients have been told of an upload. */
interface Told {
  readonly offset: number
  readonly complete: boolean
}

export class Promises {
  /**
   * Uploads that are damaged where nothing was promised. By a power cut: those that were complete, with durability
   * `"process"`, and those that were removed. By a sync that failed: those whose server has ended before it could write
   * that down. The server cannot tell and goes on with them; so nothing more is asked of their bytes.
   */
  readonly damaged = new Set<Id>()
  private readonly told = new Map<Id, Told>()
  /** Uploads that were removed to last. */
  private readonly gone = new Set<Id>()
  /**
   * Uploads that were removed since their clients asked for it: of these nothing is kept, also where the server is
   * killed in between.
   */
  readonly terminated = new Set<Id>()
  /**
   * Uploads that are set back, which their server has yet to be told by its database: it still says what was before.
   */
  private readonly settingBack = new Set<Id>()
  private readonly requests = new Set<Exchange>()
  /** Requests for what had expired when they came. */
  private readonly late = new WeakSet<Exchange>()
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  /** Whoever uses a directory has to be alone in it: where two write at once, only their states are safe. */
  claim(holds: boolean, promise: string, id: Id, why: string): void {
    this.world.claim(holds || this.world.story.twins === "at once", promise, () => `${id}: ${why}`)
  }

  // What servers do.

  committed(before: Upload.Upload, { synced, upload: after }: UploadRegistry.StoredUpload): void {
    const isSynced = synced === 0 || this.damaged.has(after.id) || this.world.disk.isLasting(pathOf(after.id), synced)
    this.claim(isSynced, "P2", after.id, `${synced} bytes are taken for synced that a power cut may take`)
    const exchange = currentOrigin()
    if (after.offset > before.offset && exchange !== undefined && isChecked(exchange)) {
      this.claim(exchange.body.isWhole, "P5", after.id, "bytes count before their checksum was read")
    }
    if (after.kind._tag === "Final" && after.kind.parts.some((part) => this.damaged.has(part))) {
      this.damaged.add(after.id)
    }
    this.world.application.committed(before, after)
  }

  removed(upload: Upload.Upload, process: Process): void {
    const { id } = upload
    const { durability } = this.world.story
    this.claim(!this.world.writers.isWriting(id, process), "P3", id, "it is removed under its writer")
    const isWanted = Removal.isAskedFor(id, currentOrigin(), this.told.has(id)) ||
      Removal.isRightful(upload, process, this.world)
    const { completion, offset } = upload
    this.claim(isWanted, "P1", id, `it is removed with ${offset} bytes, ${completion._tag}`)
    this.world.treasures.removed(upload)
    const request = currentOrigin()?.request
    if (request?.method === "DELETE" && request.url.endsWith(id)) {
      this.terminated.add(id)
    }
    this.told.delete(id)
    if (durability === "always" || (durability === "completion" && !upload.isOpen)) {
      this.gone.add(id)
    }
  }

  /** More counted of it than is known to survive a power cut; no more than that does any longer. */
  setBack(before: UploadRegistry.StoredUpload, { upload: { id, offset } }: UploadRegistry.StoredUpload): void {
    const told = this.told.get(id)
    this.settingBack.add(id)
    this.claim(offset >= before.synced, "P1", id, `it is set back to ${offset}, though ${before.synced} are synced`)
    if (told !== undefined) {
      const isKept = told.offset <= offset || this.world.story.durability !== "always"
      this.claim(isKept, "P2", id, `it is set back to ${offset}, though ${told.offset} are acknowledged`)
      this.told.set(id, { ...told, offset: Math.min(told.offset, offset) })
    }
  }

  /** A server has been told what has become of its write. */
  known(id: Id): void {
    this.settingBack.delete(id)
  }

  /** How far clients were told that uploads are. */
  acknowledged(): ReadonlyArray<readonly [Id, Told]> {
    return Array.from(this.told)
  }

  /** Another database is there: what was told before is not what it says, and what it names again may be gone. */
  replaced(revived: ReadonlyArray<UploadRegistry.StoredUpload>): void {
    this.told.clear()
    this.gone.clear()
    this.terminated.clear()
    this.settingBack.clear()
    revived.forEach(({ upload: { id } }) => this.damaged.add(id))
  }

  /** Who knew of failed syncs is gone, or stands still. */
  neglected(): void {
    for (const { synced, upload: { id, isOpen, offset } } of this.world.database.states.all()) {
      if (isOpen && offset > synced && this.world.writers.hasFailed(id)) {
        this.damaged.add(id)
      }
    }
  }

  /** An upload was written to, or its state was: what counts is there, and is what was sent. */
  check(id: Id): void {
    const upload = this.world.database.counted(id)
    const { length } = this.world.sources.stored(id)
    // Where a failed sync cannot be written down, bytes are cut off.
    const isCut = upload !== undefined && length < upload.offset && this.world.writers.hasFailed(id)
    if (upload !== undefined && !this.damaged.has(id) && !isCut && !this.world.operator.isAtWork) {
      this.claim(length >= upload.offset, "P1", id, `${upload.offset} bytes count, ${length} are there`)
      const isGenuine = this.world.sources.isGenuine(upload)
      this.claim(isGenuine, "P1", id, `its first ${upload.offset} bytes are others than were sent`)
    }
  }

  // What clients are told.

  arrived(exchange: Exchange): void {
    const { process, request } = exchange
    const upload = this.world.database.states.get(idOf(request.url))?.upload
    const isAlone = !Array.from(this.requests).some((other) => other.request.url === request.url)
    if (isAlone && upload !== undefined && Removal.hasExpired(upload, process.time)) {
      this.late.add(exchange)
    }
    this.requests.add(exchange)
  }

  answered(exchange: Exchange, { headers, status }: RawResponse): void {
    const { request: { method, url } } = exchange
    const id = idOf(headers["location"] ?? url)
    this.requests.delete(exchange)
    if (id !== undefined && method === "PATCH") {
      this.checkKept(exchange, id)
    }
    if (id !== undefined && method !== "OPTIONS" && status < 300) {
      const isLate = this.late.has(exchange) && exchange.troubles === this.world.troubles
      this.claim(!isLate, "P7", id, `it has expired, and answers ${method} with ${status}`)
      const upload = this.world.database.states.get(id)?.upload
      if (method === "DELETE") {
        this.claim(upload === undefined, "P1", id, "told to be gone, but there")
      } else if (upload === undefined) {
        this.claim(this.world.database.states.removed.has(id), "P1", id, "told of, but never there")
      } else {
        this.tell(
          upload,
          Number(headers["upload-offset"] ?? 0),
          headers["upload-offset"] !== undefined || status === 201
        )
      }
    }
  }

  private tell(upload: Upload.Upload, offset: number, isOffset: boolean): void {
    const { completion, id, isFinal, length } = upload
    const before = this.told.get(id)
    const complete = isOffset && Option.contains(length, offset)
    const counts = this.settingBack.has(id) ? Math.min(offset, upload.offset) : offset
    this.claim(upload.offset >= counts, "P1", id, `${offset} bytes are acknowledged, ${upload.offset} are committed`)
    this.claim(
      !complete || isFinal || completion._tag === "Complete",
      "P9",
      id,
      `told to be complete, but ${completion._tag}`
    )
    this.told.set(id, {
      offset: Math.max(counts, before?.offset ?? 0),
      complete: complete || before?.complete === true
    })
    const { durability } = this.world.story
    if (durability === "always" || (durability === "completion" && complete)) {
      this.checkLasting(id, offset, `${offset} bytes are acknowledged that a power cut may take`)
    }
  }

  /** A request that was cut off keeps what has arrived, unless a checksum covers it. */
  private checkKept(exchange: Exchange, id: Id): void {
    const { body: { pulled }, headers, troubles } = exchange
    const upload = this.world.database.states.get(id)?.upload
    if (upload !== undefined && pulled > 0 && !isChecked(exchange) && this.world.story.twins === "none") {
      const reached = Math.min(
        Number(headers["upload-offset"]) + pulled,
        Option.getOrElse(upload.length, () => Infinity)
      )
      this.claim(
        upload.offset >= reached || troubles !== this.world.troubles,
        "P4",
        id,
        `${pulled} bytes had arrived up to ${reached}, ${upload.offset} are kept`
      )
    }
  }

  /** Nobody waits for an answer. */
  get isQuiet(): boolean {
    return this.requests.size === 0
  }

  /** A client has all it wanted. */
  finished({ nth }: Task, id: Id): void {
    const told = this.told.get(id)
    const { states } = this.world.database
    const isGone = states.get(id) === undefined && states.removed.has(id)
    this.claim(isGone || told === undefined || told.complete, "P9", id, `task ${nth} takes it for complete`)
  }

  // What becomes of it.

  crashed(process: Process): void {
    this.settingBack.clear()
    this.requests.forEach((exchange) => exchange.process !== process || this.requests.delete(exchange))
  }

  /** The power is back: what was promised to survive has, what was not may be gone, or damaged. */
  powerCut(revived: ReadonlyArray<UploadRegistry.StoredUpload>): void {
    this.terminated.clear()
    const { database, sources, story: { durability } } = this.world
    for (const [id, { complete, offset }] of this.told) {
      if (durability === "always" || (durability === "completion" && complete)) {
        const upload = database.counted(id)
        this.claim(
          upload !== undefined && upload.offset >= offset && (this.damaged.has(id) || sources.isGenuine(upload)),
          "P2",
          id,
          `${offset} acknowledged bytes did not survive a power cut`
        )
      } else {
        this.told.delete(id)
      }
    }
    for (const { upload: { id } } of revived) {
      const isBack = this.gone.has(id)
      this.claim(
        !isBack,
        "P2",
        id,
        "it was removed, and a power cut has brought its state back without its bytes"
      )
    }
    const unpromised = database.states.all().filter(({ upload }) => durability === "process" && !upload.isOpen)
    for (const { upload: { id } } of [...revived, ...unpromised]) {
      const upload = database.counted(id)
      if (upload !== undefined && !sources.isGenuine(upload)) {
        this.damaged.add(id)
      }
    }
  }

  /** So much of an upload would survive any power cut. */
  checkLasting(id: Id, size: number, why: string): void {
    const { database, disk } = this.world
    const upload = database.lasting(id)
    const isLasting = upload !== undefined && upload.offset >= size && (size === 0 || disk.isLasting(pathOf(id), size))
    this.claim(isLasting || database.states.get(id) === undefined || this.damaged.has(id), "P2", id, why)
  }
}
