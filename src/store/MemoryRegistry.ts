/**
 * States in a Map. Each query walks through all of them.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import type { Upload, UploadId } from "../protocol/Upload.js"
import * as MemoryTails from "./MemoryTails.js"
import { committed, created, isBehind, isCompleteWithTail, isConcluded, type StoredUpload } from "./StoredUpload.js"
import type { Due, Page, RemoveOptions, UploadRegistry } from "./UploadRegistry.js"
import { Superseded } from "./UploadStoreError.js"
import * as Usage from "./Usage.js"

export const make = (): UploadRegistry["Type"] => {
  const entries = new Map<UploadId, StoredUpload>()
  const { put: putTail, remove: removeTail, tails } = MemoryTails.make(entries)

  const put = (entry: StoredUpload) => {
    entries.set(entry.upload.id, entry)
    return entry
  }

  const replace = <A>(
    { upload: { id }, version }: StoredUpload,
    { fence, unlessNamed = false }: RemoveOptions,
    act: () => A
  ) =>
    Effect.suspend(() => {
      const stored = entries.get(id)
      const isNamed = unlessNamed && finalsOf(entries, id).some(isUnfinished)
      return stored === undefined || stored.version !== version || stored.fence > fence || isNamed
        ? new Superseded({ id })
        : Effect.succeed(act())
    })

  const page = (page: Page, keep: (entry: StoredUpload) => boolean) =>
    Effect.sync(() => pageOf(entries, page, keep).map(({ id }) => id))

  return {
    create: (upload, options) =>
      Effect.suspend(() => {
        if (entries.has(upload.id)) {
          return new Superseded({ id: upload.id })
        }
        const entry = created(upload, options)
        putTail(entry.stored, entry, options)
        return Effect.succeed(put(entry))
      }),
    get: (id) => Effect.sync(() => Option.fromNullable(entries.get(id))),
    getAll: (ids) => Effect.sync(() => ids.map((id) => Option.fromNullable(entries.get(id)))),
    claim: (id, fence) =>
      Effect.suspend(() => {
        const entry = entries.get(id)
        return entry === undefined
          ? Effect.succeedNone
          : entry.fence > fence
          ? new Superseded({ id })
          : Effect.succeedSome(put({ ...entry, fence }))
      }),
    absent: (ids) => Effect.sync(() => ids.filter((id) => !entries.has(id))),
    commit: (entry, next, options) =>
      replace(entry, options, () => {
        const after = committed(entry, next, options)
        putTail(entry.stored, after, options)
        return put(after)
      }),
    remove: (entry, options) =>
      Effect.asVoid(replace(entry, options, () => {
        removeTail(entry.upload.id)
        entries.delete(entry.upload.id)
      })),
    tails: { ...tails, complete: (options) => page(options, isCompleteWithTail) },
    expired: (now, page) => Effect.sync(() => expired(entries, now, page)),
    pending: (options) =>
      page(options, ({ upload }) => (upload.isFinal && upload.isOpen) || upload.completion._tag === "Finishing"),
    unsynced: (options) => page(options, isBehind),
    finalsOf: (part) => Effect.sync(() => finalsOf(entries, part).filter(({ isOpen }) => isOpen).map(({ id }) => id)),
    consumedParts: (options) => page(options, ({ upload }) => isConsumed(entries, upload)),
    withBytes: ({ after, limit }) =>
      Effect.sync(() =>
        pageOf(entries, { after: after?.id, limit }, ({ upload }) => upload.isOpen && upload.offset > 0)
          .map(({ id, offset }) => ({ id, offset }))
      ),
    list: ({ after, limit }) =>
      Effect.sync(() =>
        pageOf(entries, { after: after as UploadId | undefined, limit }, () => true).map((upload) =>
          Either.right(upload)
        )
      ),
    usage: Effect.sync(() => ({
      uploads: entries.size,
      bytes: Array.from(entries.values()).reduce((sum, { upload }) => sum + upload.offset, 0)
    })),
    usageByOwner: Effect.sync(() => usageByOwner(entries)),
    lastFence: Effect.sync(() => Array.from(entries.values()).reduce((max, { fence }) => Math.max(max, fence), 0))
  }
}

type Entries = ReadonlyMap<UploadId, StoredUpload>

const uploads = (entries: Entries): ReadonlyArray<Upload> => Array.from(entries.values(), ({ upload }) => upload)

const pageOf = (
  entries: Entries,
  { after, limit }: Page,
  keep: (entry: StoredUpload) => boolean
): ReadonlyArray<Upload> =>
  Array.from(entries.values())
    .filter((entry) => (after === undefined || entry.upload.id > after) && keep(entry))
    .map(({ upload }) => upload)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, limit)

const expired = (entries: Entries, now: DateTime.Utc, { after, limit }: Page<Due>): ReadonlyArray<Due> =>
  uploads(entries)
    .flatMap((upload) =>
      upload.hasExpired(now) && Option.isSome(upload.expiresAt)
        ? [{ id: upload.id, expiresAt: upload.expiresAt.value }]
        : []
    )
    .filter((due) => after === undefined || byTime(after, due) < 0)
    .toSorted(byTime)
    .slice(0, limit)

const byTime: Order.Order<Due> = Order.combine(
  Order.mapInput(DateTime.Order, ({ expiresAt }: Due) => expiresAt),
  Order.mapInput(Order.string, ({ id }: Due) => id)
)

const finalsOf = (entries: Entries, part: UploadId): ReadonlyArray<Upload> =>
  uploads(entries).filter(({ kind }) => kind._tag === "Final" && kind.parts.includes(part))

const isConsumed = (entries: Entries, upload: Upload): boolean => {
  const finals = upload.isPartial && !upload.isOpen ? finalsOf(entries, upload.id) : []
  return finals.some(({ completion }) => completion._tag === "Complete") && !finals.some(isUnfinished)
}

const isUnfinished = (upload: Upload): boolean => !isConcluded(upload)

const usageByOwner = (entries: Entries): ReadonlyArray<Usage.OwnedUsage> => {
  const found = new Map<string | undefined, Usage.OwnedUsage>()
  for (const upload of uploads(entries)) {
    const owner = Option.getOrUndefined(upload.owner)
    const usage = Usage.replace(found.get(owner) ?? Usage.nothing, Usage.nothing, Usage.ofUpload(upload))
    found.set(owner, { owner: upload.owner, ...usage })
  }
  return Array.from(found.values())
}
