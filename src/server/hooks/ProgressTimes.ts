/**
 * When the progress of each upload was last told. A time is remembered only as long as it matters: that an upload has
 * ended, this process may never hear, since another server ends it.
 */
import type { UploadId } from "../../protocol/Upload.js"

/** `interval` and times are milliseconds of one clock. */
export const make = (interval: number) => {
  /** In the order of their times. */
  const told = new Map<UploadId, number>()
  return {
    /** Whether the progress of the upload may be told. Then it is told now. */
    take: (id: UploadId, now: number): boolean => {
      for (const [id, at] of told) {
        if (now - at < interval) {
          break
        }
        told.delete(id)
      }
      const isDue = !told.has(id)
      if (isDue) {
        told.set(id, now)
      }
      return isDue
    },
    forget: (id: UploadId): void => void told.delete(id),
    /** How many uploads are remembered. */
    size: (): number => told.size
  }
}
