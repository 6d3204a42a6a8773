/**
 * The true tails of all uploads: what a write of a state does to the bytes beside it.
 */
import type { Upload } from "effect-tus"
import type { Change } from "./States.js"

export class Tails {
  private readonly tails = new Map<Upload.UploadId, Buffer>()

  of(id: Upload.UploadId): Buffer {
    return this.tails.get(id) ?? nothing
  }

  clear(): void {
    this.tails.clear()
  }

  change(change: Change): void {
    const { stored, upload: { id, offset } } = change.entry
    if (change._tag === "Remove") {
      this.tails.delete(id)
    } else {
      const from = change._tag === "Commit" ? change.before.stored : stored
      this.tails.set(id, Buffer.concat([this.of(id), change.tail ?? nothing]).subarray(stored - from, offset - from))
    }
  }
}

const nothing = Buffer.alloc(0)
