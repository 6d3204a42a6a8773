/**
 * What has become of an upload that has all its bytes.
 */
import type { Addition } from "../../protocol/Addition.js"
import type { StoredUpload } from "../../store/UploadRegistry.js"

/** The state of an upload, and what the application adds if it has just become complete. */
export interface Concluded {
  readonly entry: StoredUpload
  readonly addition?: Addition | undefined
}
