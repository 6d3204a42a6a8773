/**
 * Checks the promises from outside: what clients were told, against the database and the disk, now and after the worst
 * power cut.
 */
import type { Upload, UploadRegistry } from "effect-tus"
import * as Option from "effect/Option"
import type { RawResponse } from "../../../src/wire/Message.js"
import { type Exchange, isChecked } from "./Connection.js"
import * as InPlace from "./InPlace.js"
import type { Process } from "./Kernel.js"
import { currentOrigin } from "./Network.js"
import { idOf, isAside } from "./Paths.js"
import * as Removal from "./Removal.js"
import type { Task } from "./Story.js"
import type { World } from "./World.js"

type Id = Upload.UploadId

/** What clients were told about an upload. */
interface Told {
  readonly offset: number
  readonly complete: boolean
}

export class Promises {
  /**
   * Uploads that may be damaged, since nothing was promised. By a power cut: complete ones with durability `"process"`,
   * and removed ones. By a failed sync: those whose server died before it could record the failure. The server cannot
   * know and goes on, so their bytes are not checked any more.
   */
  readonly damaged = new Set<Id>()
  private readonly told = new Map<Id, Told>()
  /** Uploads that were removed durably. */
  private readonly gone = new Set<Id>()
  /**
   * Uploads that were removed by their clients: nothing of them is kept, even if the server is killed meanwhile. What
   * was set aside before, and not put back because its state counts none of it, is the operator's.
   */
  readonly terminated = new Set<Id>()
  /**
   * Uploads that were set back, while the server still waits for the answer of its database: it still reports the old
   * offset.
   */
  private readonly settingBack = new Set<Id>()
  private readonly requests = new Set<Exchange>()
  /** Requests for uploads that had expired when the requests arrived, and the versions of those uploads. */
  private readonly late = new WeakMap<Exchange, number | undefined>()
  /** What was known of an upload when a request for it arrived. */
  private readonly toldBefore = new WeakMap<Exchange, number>()
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  /** Checks a promise, unless two servers write at once: then only the states are promised. */
  claim(holds: boolean, promise: string, id: Id, why: string): void {
    this.world.claim(holds || this.world.story.otherServers === "at once", promise, () => `${id}: ${why}`)
  }

  // Events of servers.

  committed(before: Upload.Upload, { stored, synced, upload: after }: UploadRegistry.StoredUpload): void {
    const isSynced = this.damaged.has(after.id) ||
      this.world.sources.isLasting(after.id, Math.min(synced, stored))
    this.claim(isSynced, "P2", after.id, `${synced} bytes are taken for synced that a power cut may take`)
    const isDecided = this.world.story.durability !== "process" && !after.isOpen &&
      after.completion._tag !== "Finishing" && !this.damaged.has(after.id)
    this.claim(
      !isDecided || this.world.sources.isLasting(after.id, stored),
      "P2",
      after.id,
      `it is ${after.completion._tag}, and a power cut may take its ${stored} bytes from the byte store`
    )
    const exchange = currentOrigin()
    if (after.offset > before.offset && exchange !== undefined && isChecked(exchange)) {
      this.claim(exchange.body.isWhole, "P5", after.id, "bytes count before their checksum was read")
    }
    if (after.kind._tag === "Final" && after.kind.parts.some((part) => this.damaged.has(part))) {
      this.damaged.add(after.id)
    }
    this.world.shared?.committed(after)
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
    this.world.acknowledgedBytes.removed(upload)
    const request = currentOrigin()?.request
    const wasAside = this.world.disk.files().some((path) => isAside(path) && path.includes(id))
    if (request?.method === "DELETE" && request.url.endsWith(id) && !wasAside) {
      this.terminated.add(id)
    }
    this.told.delete(id)
    if (durability === "always" || (durability === "completion" && !upload.isOpen)) {
      this.gone.add(id)
    }
  }

  /** An upload was set back to its synced bytes. */
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

  /** A server knows the result of its write. */
  known(id: Id): void {
    this.settingBack.delete(id)
  }

  /** The acknowledged offsets. */
  acknowledged(): ReadonlyArray<readonly [Id, Told]> {
    return Array.from(this.told)
  }

  /**
   * Another database was put in place: acknowledged offsets do not count any more, and the bytes of its returned
   * uploads may be gone.
   */
  replaced(revived: ReadonlyArray<UploadRegistry.StoredUpload>): void {
    this.told.clear()
    this.gone.clear()
    this.terminated.clear()
    this.settingBack.clear()
    revived.forEach(({ upload: { id } }) => this.damaged.add(id))
  }

  /** The process that knew about failed syncs is dead or suspended. */
  neglected(): void {
    for (const { synced, upload: { id, isOpen, offset } } of this.world.database.states.all()) {
      if (isOpen && offset > synced && this.world.writers.hasFailed(id)) {
        this.damaged.add(id)
      }
    }
  }

  /** After a write to an upload or its state: the counted bytes are there, and are the ones that were sent. */
  check(id: Id): void {
    const upload = this.world.database.counted(id)
    const { length } = this.world.sources.stored(id)
    // If a failed sync cannot be recorded, bytes are cut off.
    const isCut = upload !== undefined && length < upload.offset && this.world.writers.hasFailed(id)
    if (upload !== undefined && !this.damaged.has(id) && !isCut && !this.world.operator.isAtWork) {
      this.claim(length >= upload.offset, "P1", id, `${upload.offset} bytes count, ${length} are there`)
      const isGenuine = this.world.sources.isGenuine(upload)
      this.claim(isGenuine, "P1", id, `its first ${upload.offset} bytes are others than were sent`)
    }
  }

  // Events of clients.

  arrived(exchange: Exchange): void {
    const { process, request } = exchange
    const upload = this.world.database.states.get(idOf(request.url))?.upload
    const isAlone = !Array.from(this.requests).some((other) => other.request.url === request.url)
    if (isAlone && upload !== undefined && Removal.hasExpired(upload, process.time)) {
      this.late.set(exchange, this.world.database.states.get(upload.id)?.version)
    }
    this.toldBefore.set(exchange, upload === undefined ? 0 : this.told.get(upload.id)?.offset ?? 0)
    this.requests.add(exchange)
  }

  answered(exchange: Exchange, { headers, status }: RawResponse): void {
    const { request: { method, url } } = exchange
    const id = idOf(headers["location"] ?? url)
    this.requests.delete(exchange)
    InPlace.checkWaiting(this.world)
    if (id !== undefined && method === "PATCH") {
      this.checkKept(exchange, id)
    }
    if (id !== undefined && method !== "OPTIONS" && status < 300) {
      // A server with another clock may have gone on with it meanwhile.
      const isSame = this.world.shared === undefined ||
        this.late.get(exchange) === this.world.database.states.get(id)?.version
      const isLate = this.late.has(exchange) && isSame && exchange.troubles === this.world.troubles
      this.claim(!isLate, "P7", id, `it has expired, and answers ${method} with ${status}`)
      const upload = this.world.database.states.get(id)?.upload
      if (method === "HEAD" && this.world.shared !== undefined) {
        const known = this.toldBefore.get(exchange) ?? 0
        const offset = Number(headers["upload-offset"] ?? known)
        this.claim(offset >= known, "P1", id, `${known} bytes were acknowledged, and later ${offset}`)
      }
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

  /** A request that was cut off keeps its received bytes, unless a checksum covers them. */
  private checkKept(exchange: Exchange, id: Id): void {
    const { body: { pulled }, headers, troubles } = exchange
    const upload = this.world.database.states.get(id)?.upload
    if (upload !== undefined && pulled > 0 && !isChecked(exchange) && this.world.story.otherServers === "none") {
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

  get unanswered(): number {
    return this.requests.size
  }

  /** Whether no request is unanswered. */
  get isQuiet(): boolean {
    return this.unanswered === 0
  }

  /** A client has finished. */
  finished({ nth }: Task, id: Id): void {
    const told = this.told.get(id)
    const { states } = this.world.database
    const isGone = states.get(id) === undefined && states.removed.has(id)
    this.claim(isGone || told === undefined || told.complete, "P9", id, `task ${nth} takes it for complete`)
  }

  // Events of the world.

  crashed(process: Process): void {
    this.settingBack.clear()
    this.requests.forEach((exchange) => exchange.process !== process || this.requests.delete(exchange))
  }

  /** The power is back: what was promised to survive is there; everything else may be gone or damaged. */
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

  /** Checks that the first `size` bytes of an upload would survive any power cut. */
  checkLasting(id: Id, size: number, why: string): void {
    const { database, sources } = this.world
    const last = database.lasting(id)
    const isLasting = last !== undefined && last.upload.offset >= size &&
      sources.isLasting(id, Math.min(size, last.stored))
    this.claim(isLasting || database.states.get(id) === undefined || this.damaged.has(id), "P2", id, why)
  }
}
