/**
 * One request on its way through the server: what was asked, the bytes that follow, and what its door can do. Doors
 * make exchanges; observers, verbs and hooks read them.
 */
import type { RawRequest } from "../../wire/Message.js"
import type { UploadBody } from "./UploadBody.js"

/** A request and its body, until the response is made. */
export interface Exchange {
  readonly request: RawRequest
  readonly body: UploadBody
  /**
   * Whether the door passes on the fields that follow a body. Without them the server does not offer
   * `checksum-trailer`.
   */
  readonly trailers: boolean
}
