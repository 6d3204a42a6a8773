/**
 * The refusals in tus: the status of each, the header that it is about, and its fields.
 *
 * @see https://tus.io/protocols/resumable-upload
 */
import type { InvalidRequest, Refusal } from "../../protocol/Refusal.js"
import type { HttpRefusal } from "../HttpRefusal.js"
import { version } from "./DiscoveryHeaders.js"

/** How a refusal is answered. */
export interface Words {
  readonly status: number
  /** The header that the sentence is about. */
  readonly about?: string
  readonly headers?: Readonly<Record<string, string>>
}

type Tagged<Tag> = Extract<Refusal | HttpRefusal, { readonly _tag: Tag }>

type Table = { readonly [Tag in (Refusal | HttpRefusal)["_tag"]]: Words | ((refusal: Tagged<Tag>) => Words) }

/** The client should try again a moment later. */
const later = { "retry-after": "1" }

const table: Table = {
  // Only tus has this status.
  ChecksumMismatch: { status: 460, about: "Upload-Checksum" },
  Contended: { status: 423, headers: later },
  Denied: ({ headers, status }) => ({ status, headers: { ...carried(status), ...headers } }),
  // "The Server MUST respond with the 403 Forbidden status to PATCH requests against a final upload URL".
  FinalUpload: { status: 403 },
  Finishing: { status: 423, headers: later },
  Incomplete: { status: 409 },
  // Never a 4xx after which clients give up, such as 400 or 408.
  Interrupted: ({ reason }) => ({ status: reason === "TakenOver" ? 423 : 503, headers: later }),
  InvalidHeader: ({ header }) => invalidHeaders[header] ?? { status: 400 },
  InvalidRequest: ({ about }) => invalid[about],
  LengthConflict: { status: 400, about: "Upload-Length" },
  MethodNotAllowed: ({ allow }) => ({ status: 405, headers: { allow: allow.join(", ") } }),
  NotRunnable: { status: 403 },
  // "If the offsets do not match, the Server MUST respond with the 409 Conflict status".
  OffsetMismatch: { status: 409, about: "Upload-Offset" },
  PartGone: { status: 410 },
  RangeNotSatisfiable: ({ size }) => ({ status: 416, about: "Range", headers: { "content-range": `bytes */${size}` } }),
  TooLarge: { status: 413 },
  UploadExpired: { status: 410 },
  UploadNotFound: { status: 404 },
  UploadRejected: ({ status }) => ({ status, headers: carried(status) })
}

/** The fields that belong to a status of the application. */
const carried = (status: number): Readonly<Record<string, string>> =>
  status === 412 ? { "tus-version": version } : status === 423 || status === 503 ? later : {}

const onlyIdentity = { "accept-encoding": "identity" }

const invalidHeaders: Readonly<Record<string, Words | undefined>> = Object.assign(Object.create(null), {
  "tus-resumable": { status: 412, headers: { "tus-version": version } },
  "content-type": { status: 415 },
  "content-encoding": { status: 415, headers: onlyIdentity }
})

const invalid: { readonly [About in InvalidRequest["about"]]: Words } = {
  checksum: { status: 400, about: "Upload-Checksum" },
  coding: { status: 415, about: "Content-Encoding", headers: onlyIdentity },
  deferral: { status: 400, about: "Upload-Length, Upload-Defer-Length" },
  length: { status: 400, about: "Upload-Length" },
  metadata: { status: 400, about: "Upload-Metadata" },
  parts: { status: 400, about: "Upload-Concat" },
  trailer: { status: 400, about: "Trailer" },
  type: { status: 415, about: "Content-Type" }
}

/** How the refusal is answered. */
export const wordsOf = <Tag extends keyof Table>(refusal: Tagged<Tag>): Words => {
  const words: Words | ((refusal: Tagged<Tag>) => Words) = table[refusal._tag as Tag]
  return typeof words === "function" ? words(refusal) : words
}
