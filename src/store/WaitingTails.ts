/**
 * The bytes of tails that will soon move, up to a limit, so that they are not read again.
 */
import type { UploadId } from "../protocol/Upload.js"

/** In bytes. */
const limit = 16 * 1024 * 1024

export class WaitingTails {
  private readonly tails = new Map<UploadId, Uint8Array>()
  private size = 0

  /** Copies the bytes, if there is room. */
  keep(id: UploadId, bytes: Uint8Array): void {
    this.drop(id)
    if (this.size + bytes.length <= limit) {
      this.tails.set(id, bytes.slice())
      this.size += bytes.length
    }
  }

  of(id: UploadId): Uint8Array | undefined {
    return this.tails.get(id)
  }

  drop(id: UploadId): void {
    const bytes = this.tails.get(id)
    if (bytes !== undefined) {
      this.tails.delete(id)
      this.size -= bytes.length
    }
  }
}
