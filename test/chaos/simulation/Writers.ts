/**
 * Checks writers: one at a time per upload (P3), from the offset of the upload (P1), with a checkpoint every second
 * (P4).
 */
import { ByteStore, type Upload } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { isChecked } from "./Connection.js"
import type { Process } from "./Kernel.js"
import { currentOrigin } from "./Network.js"
import type { World } from "./World.js"

type Id = Upload.UploadId

export class Writers {
  /** Processes that have seen a sync fail, and have not set the upload back since. Other processes cannot know. */
  private failed: Array<{ readonly id: Id; readonly process: Process }> = []
  private writers: Array<{ readonly id: Id; readonly process: Process }> = []
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  isWriting(id: Id, process: Process): boolean {
    return this.writers.some((writer) => writer.id === id && writer.process === process)
  }

  hasFailed(id: Id): boolean {
    return this.failed.some((failed) => failed.id === id)
  }

  setBack(id: Id, process: Process): void {
    this.failed = this.failed.filter((failed) => failed.id !== id || failed.process !== process)
  }

  powerCut(): void {
    this.failed = []
  }

  crashed(process: Process): void {
    this.writers = this.writers.filter((writer) => writer.process !== process)
    this.failed = this.failed.filter((failed) => failed.process !== process)
  }

  /** The store, with its writes observed. */
  observe(bytes: ByteStore.ByteStore["Type"], process: Process): ByteStore.ByteStore["Type"] {
    return ByteStore.ByteStore.of({
      ...bytes,
      sync: (id) =>
        Effect.tapErrorCause(bytes.sync?.(id) ?? Effect.void, () =>
          Effect.sync(() => {
            this.failed.push({ id, process })
            this.world.acknowledgedBytes.touched(id)
          })),
      append: (id, place, stream, onWritten) =>
        Effect.acquireUseRelease(
          Effect.sync(() => this.begin(id, process)),
          ({ reached }) =>
            bytes.append(id, place, stream, (end) =>
              Effect.suspend(() => {
                const noted = reached(end)
                return Effect.tap(onWritten(end), () => Effect.sync(noted))
              })),
          ({ end }) => Effect.sync(end)
        )
    })
  }

  private begin(id: Id, process: Process) {
    const claim = (holds: boolean, promise: string, why: string) => this.world.promises.claim(holds, promise, id, why)
    claim(!this.isWriting(id, process), "P3", "it has two writers")
    const writer = { id, process }
    this.writers.push(writer)
    this.world.acknowledgedBytes.touched(id)
    const exchange = currentOrigin()
    const { troubles } = this.world
    const offset = () => this.world.database.states.get(id)?.upload.offset ?? 0
    let known = offset()
    let since = process.time
    return {
      /** Bytes up to `end` are in the file. The returned function runs after `onWritten`. */
      reached: (end: number) => {
        claim(this.world.sources.inByteStore(id).length === end, "P1", `behind ${end} there is more than was written`)
        const isDue = process.time - since >= 1000 && exchange !== undefined && !isChecked(exchange) &&
          this.world.story.otherServers === "none"
        return () => {
          const length = Number(exchange?.headers["upload-length"] ?? this.lengthOf(id))
          claim(
            !isDue || offset() >= end || length === end || troubles !== this.world.troubles,
            "P4",
            `${end} bytes were written, ${known} committed a second ago`
          )
          if (offset() !== known) {
            known = offset()
            since = process.time
          }
        }
      },
      end: () => {
        this.writers = this.writers.filter((other) => other !== writer)
      }
    }
  }

  private lengthOf(id: Id): number {
    return Option.getOrElse(this.world.database.states.get(id)?.upload.length ?? Option.none(), () => Infinity)
  }
}
