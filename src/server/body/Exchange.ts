/**
 * One request on its way through the server: what was asked, the bytes that follow, and what its door can do. Doors
 * make exchanges; observers, verbs and hooks read them.
 */
import type * as DateTime from "effect/DateTime"
import type { RawRequest, RawResponse } from "../../wire/Message.js"
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
  /**
   * Sends an interim response (1xx) ahead of the answer, at once and without waiting: one that the client does not take
   * in time is dropped, and so is one that comes after the answer. Left out where there is no way to send one: in
   * HTTP/1.0, on platforms that have none, and for a request without a body, which is answered right away.
   */
  readonly inform?: ((interim: RawResponse) => void) | undefined
  /** The time, by the clock with which the door was made. Verbs ask again after each wait. */
  readonly now: () => DateTime.Utc
}

/** What a door knows of a request. `TusDoor` adds the clock. */
export type Arrival = Omit<Exchange, "now">
