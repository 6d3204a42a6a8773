/**
 * Acknowledged bytes whose database was taken away. Whatever happens to the states, the bytes exist: in their place or
 * among the orphans, from where the documented commands restore them.
 */
import type { Upload } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as OrphanActions from "../../../src/cli/commands/OrphanActions.js"
import * as DirectoryReader from "../../../src/node/embedded/DirectoryReader.js"
import { currentOrigin } from "./Network.js"
import { condemnedOf, pathOf } from "./Paths.js"
import type { Host } from "./Servers.js"
import type { World } from "./World.js"

type Id = Upload.UploadId

interface Kept {
  readonly bytes: Uint8Array
  readonly isComplete: boolean
}

/** Where the operator writes copies. */
const elsewhere = "/elsewhere"

export class AcknowledgedBytes {
  private readonly kept = new Map<Id, Kept>()
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  gather(): void {
    const { database: { states }, disk, promises, sources } = this.world
    for (const [id, { complete, offset }] of promises.acknowledged()) {
      // A tail is lost with its database.
      const size = Math.min(offset, states.get(id)?.stored ?? offset)
      const bytes = sources.inByteStore(id).subarray(0, size)
      if (
        size > 0 && bytes.length === size && !promises.damaged.has(id) && disk.find(condemnedOf(id)) === undefined
      ) {
        this.kept.set(id, { bytes: Uint8Array.from(bytes), isComplete: complete })
      }
    }
  }

  /** The upload continues from its present offset, or its sync has failed and somebody knows. */
  touched(id: Id): void {
    this.kept.delete(id)
  }

  /** An upload is removed: by its client, or by a server that knows all its bytes. */
  removed({ id, offset }: Upload.Upload): void {
    const request = currentOrigin()?.request
    const isAskedFor = request?.method === "DELETE" && request.url.endsWith(id)
    if (isAskedFor || offset >= (this.kept.get(id)?.bytes.length ?? 0)) {
      this.kept.delete(id)
    }
  }

  powerCut(): void {
    const { durability } = this.world.story
    this.kept.forEach(({ isComplete }, id) =>
      durability === "always" || (durability === "completion" && isComplete) || this.kept.delete(id)
    )
  }

  /** Restores all orphans, to their place or elsewhere, and looks for the acknowledged bytes. */
  async check({ process, runtime }: Host): Promise<void> {
    const { database, disk, met, plant, promises: { damaged } } = this.world
    const isLate = met.has("clock ahead") || met.has("clock back")
    for (const [id, { bytes }] of this.kept) {
      const upload = database.states.get(id)?.upload
      const isNamed = upload !== undefined && upload.offset >= bytes.length
      // Orphans that seem older than their state are not put back.
      this.world.claim(
        !isNamed || isLate || starts(disk.bytesOf(pathOf(id)), bytes),
        "P1",
        () => `${bytes.length} acknowledged bytes of ${id}, which is known again, are not in their place`
      )
    }
    const restore = plant.restore?.(OrphanActions.restore, this.world) ?? OrphanActions.restore
    const copies: Array<readonly [Id, string]> = []
    disk.makeDirectory(elsewhere)
    const all = Effect.gen(function*() {
      for (const orphan of yield* Stream.runCollect(OrphanActions.all)) {
        if (Either.isLeft(yield* Effect.either(restore(orphan)))) {
          const to = `${elsewhere}/${copies.length}`
          yield* DirectoryReader.copy(OrphanActions.locationOf(yield* OrphanActions.find(orphan.name)), to)
          copies.push([orphan.id, to])
        }
      }
    })
    const written = database.copy().log.length
    let ended = false
    process.fork(all, (exit) => {
      ended = true
      this.world.claim(exit._tag === "Success", "P1", () => `what was set aside cannot be restored: ${String(exit)}`)
    }, runtime)
    await this.world.until(() => ended, "all is restored")
    this.world.claim(database.copy().log.length === written, "P1", () => "to restore bytes a state is made up")
    for (const [id, { bytes }] of this.kept) {
      const places = [pathOf(id), ...copies.filter(([of]) => of === id).map(([, path]) => path)]
      const isThere = places.some((path) => starts(disk.bytesOf(path), bytes))
      this.world.claim(
        isThere || damaged.has(id),
        "P1",
        () => `${bytes.length} acknowledged bytes of ${id} are neither in their place nor can they be restored`
      )
    }
  }
}

const starts = (bytes: Uint8Array | undefined, prefix: Uint8Array) =>
  bytes !== undefined && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0
