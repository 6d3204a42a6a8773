/**
 * When an upload may be removed: its client asked for it, or the sweeper has a reason.
 */
import type { Upload } from "effect-tus"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type { Exchange } from "./Connection.js"
import type { Process } from "./Kernel.js"
import type { World } from "./World.js"

/** By a DELETE, or because the request that created it is refused and nobody knows the upload. */
export const isAskedFor = (id: Upload.UploadId, exchange: Exchange | undefined, isKnown: boolean): boolean =>
  exchange !== undefined && (!isKnown || (exchange.request.method === "DELETE" && exchange.request.url.endsWith(id)))

export const hasExpired = ({ expiresAt }: Upload.Upload, time: number): boolean =>
  Option.exists(expiresAt, (at) => DateTime.toEpochMillis(at) <= time)

export const isRightful = (
  upload: Upload.Upload,
  process: Process,
  { database, promises, sources, story }: World
): boolean => {
  const { id, isOpen, isPartial, kind, offset } = upload
  const isHopeless = kind._tag === "Final" && isOpen &&
    kind.parts.some((part) => database.states.get(part) === undefined || promises.damaged.has(part))
  const isBereft = isOpen && sources.stored(id).length < offset
  const finals = database.states.all().flatMap(({ upload: { completion, kind } }) =>
    kind._tag === "Final" && kind.parts.includes(id) ? [completion._tag] : []
  )
  const isUsed = story.removeUsedPartials && isPartial && !isOpen && finals.includes("Complete") &&
    finals.every((completion) => completion === "Complete" || completion === "Rejected")
  return hasExpired(upload, process.latestTime) || isHopeless || isBereft || isUsed
}
