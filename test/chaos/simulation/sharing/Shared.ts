/**
 * What several servers share: a database with the states of uploads and a leased lock, and a byte store. Checks what
 * holds where writes take effect, and that nobody waits for a lock without end.
 */
import { ByteStore, UploadLock } from "effect-tus"
import type { Upload } from "effect-tus"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Process } from "../Kernel.js"
import type { Shared as Plan } from "../Story.js"
import type { World } from "../World.js"
import * as LeasedLock from "./LeasedLock.js"
import { SharedBytes } from "./SharedBytes.js"
import * as SharedByteStore from "./SharedByteStore.js"
import { SharedDatabase } from "./SharedDatabase.js"

type Id = Upload.UploadId
type Lock = UploadLock.UploadLock["Type"]

/** Somebody who waits for an upload. */
interface Waiter {
  readonly id: Id
  readonly process: Process
  readonly since: number
}

export class Shared {
  readonly bytes: SharedBytes
  readonly database: SharedDatabase
  private readonly waiters = new Set<Waiter>()
  private readonly seals: boolean
  private readonly world: World

  constructor(world: World, { forgets, seals }: Plan) {
    this.world = world
    this.seals = seals
    this.database = new SharedDatabase(world)
    this.bytes = new SharedBytes({
      now: () => world.kernel.now,
      onChange: (id) => world.touch(id),
      forgets,
      seals,
      ignoresFence: (kind) => world.plant.ignoresFence?.(kind) === true
    })
  }

  layerBytes(process: Process): Layer.Layer<ByteStore.ByteStore> {
    return Layer.sync(ByteStore.ByteStore, () => SharedByteStore.make(this.world, process, this.bytes))
  }

  layerLock(process: Process) {
    return Layer.map(
      LeasedLock.layer(Effect.sync(() => this.database.statements(process))),
      (context) =>
        Context.make(UploadLock.UploadLock, this.watched(Context.get(context, UploadLock.UploadLock), process))
    )
  }

  /** Nobody hears that an upload is complete before its bytes are one object. */
  committed({ completion, id, offset }: Upload.Upload): void {
    const isTold = completion._tag === "Complete" || completion._tag === "Rejected"
    this.world.claim(
      !isTold || !this.seals || this.bytes.isSealed(id, offset),
      "P9",
      () => `${id} is ${completion._tag}, but its ${offset} bytes are not sealed`
    )
  }

  /** Whether a process neither holds nor wants any upload. */
  isIdle(process: Process): boolean {
    return this.database.locks.mine(process.name).length === 0 &&
      !Array.from(this.waiters).some((waiter) => waiter.process === process)
  }

  /** Those that have waited for so long. */
  waitingFor(millis: number): ReadonlyArray<Waiter> {
    const { now } = this.world.kernel
    return Array.from(this.waiters).filter(({ process, since }) => process.alive && now - since > millis)
  }

  private watched(lock: Lock, process: Process): Lock {
    return {
      ...lock,
      withLock: (id, use) =>
        Effect.suspend(() => {
          const waiter = { id, process, since: this.world.kernel.now }
          this.waiters.add(waiter)
          const leave = Effect.sync(() => this.waiters.delete(waiter))
          return Effect.ensuring(lock.withLock(id, (lease) => Effect.zipRight(leave, use(lease))), leave)
        })
    }
  }
}
