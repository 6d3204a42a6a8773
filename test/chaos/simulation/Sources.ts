/**
 * The bytes that clients send, and whether the server has them. The bytes of a source are random, so each part of it is
 * recognizable.
 */
import type { Upload } from "effect-tus"
import { pathOf } from "./Paths.js"
import { bytesOf, type Task } from "./Story.js"
import type { World } from "./World.js"

type Id = Upload.UploadId

export class Sources {
  private readonly owners = new Map<Id, number>()
  private readonly sources: ReadonlyMap<number, Buffer>
  private readonly world: World

  constructor(world: World) {
    const { seed, tasks } = world.story
    this.world = world
    this.sources = new Map(tasks.map((task) => [task.nth, Buffer.from(bytesOf(seed, task))]))
  }

  /** An id was created for a task. */
  named(id: Id, task: number): void {
    this.owners.set(id, task)
  }

  taskOf(id: Id): Task | undefined {
    return this.world.story.tasks.find(({ nth }) => nth === this.owners.get(id))
  }

  of({ nth }: Task): Buffer {
    return this.sources.get(nth) ?? Buffer.alloc(0)
  }

  /** The stored bytes, as processes see them: those in the byte store, and then the tail. */
  stored(id: Id): Buffer {
    const { states } = this.world.database
    const tail = states.tails.of(id)
    const bytes = this.inByteStore(id)
    const { stored = 0 } = states.get(id) ?? {}
    return tail.length === 0 || bytes.length < stored ? bytes : Buffer.concat([bytes.subarray(0, stored), tail])
  }

  inByteStore(id: Id): Buffer {
    const bytes = this.world.shared === undefined
      ? this.world.disk.bytesOf(pathOf(id))
      : this.world.shared.bytes.bytesOf(id)
    return bytes === undefined ? Buffer.alloc(0) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /**
   * Whether the first `size` bytes in the byte store would survive any power cut. A shared store has copies on other
   * machines.
   */
  isLasting(id: Id, size: number): boolean {
    return size === 0 || this.world.shared !== undefined || this.world.disk.isLasting(pathOf(id), size)
  }

  /** Whether the counted bytes of an upload are those that were sent, and all of them if it is complete. */
  isGenuine(upload: Upload.Upload): boolean {
    const task = this.taskOf(upload.id)
    const bytes = this.stored(upload.id).subarray(0, upload.offset)
    if (task === undefined || bytes.length < upload.offset) {
      return task === undefined
    }
    const source = this.of(task)
    return upload.isPartial
      ? bytes.length === 0 || source.includes(bytes)
      : source.subarray(0, bytes.length).equals(bytes) && (upload.isOpen || bytes.length === source.length)
  }
}
