/**
 * Bytes that no state names. Whatever may have happened to the states, nobody has said that these are not wanted: they
 * are set aside, told of, kept for long, and come back by themselves where a state names them again.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Upload, UploadId } from "../protocol/Upload.js"
import type { UploadRegistry } from "./UploadRegistry.js"
import type { UploadStoreError } from "./UploadStoreError.js"

/** Bytes that were set aside. */
export interface Orphan {
  /** The upload that they were of. */
  readonly id: UploadId
  /** Tells them from others of the same upload. */
  readonly name: string
  /** When they were set aside. */
  readonly since: DateTime.Utc
  readonly size: number
  /** Whether they are what was set aside: as many bytes, and none written since. Others are for a person to look at. */
  readonly isIntact: boolean
  /** When they were last written. */
  readonly writtenAt: DateTime.Utc
  /** Where a person finds them. */
  readonly location: Option.Option<string>
}

/** What a `ByteStore` can do that has a place for them. Nothing that is done here changes a byte. */
export interface Orphans {
  /**
   * Moves all that is stored of an upload there: afterwards nothing is stored of it. Never takes the place of others
   * that were set aside. None where nothing is stored. What was written after `since` counts from then: a clock that
   * was wrong, as that of a machine without one is at its start, does not make it older than it is.
   */
  readonly setAside: (id: UploadId, since: DateTime.Utc) => Effect.Effect<Option.Option<Orphan>, UploadStoreError>

  /** All of them, in any order. */
  readonly list: Stream.Stream<Orphan, UploadStoreError>

  /**
   * Makes them the bytes of their upload again; tells whether it did: not where something is in their place, and not
   * where they are not what was set aside.
   */
  readonly putBack: (orphan: Orphan) => Effect.Effect<boolean, UploadStoreError>

  /** Removes them for good. Nothing happens where they are gone. */
  readonly remove: (orphan: Orphan) => Effect.Effect<void, UploadStoreError>
}

/** Why the bytes cannot be those of the upload that has this state; none where they can. */
export const misfit = ({ isIntact, size }: Orphan, upload: Upload): Option.Option<string> =>
  !isIntact
    ? Option.some("they are not what was set aside: they have been changed since")
    : size < upload.offset
    ? Option.some(`they are ${size} bytes, and ${upload.offset} of the upload count`)
    : upload.isOpen || size === upload.offset
    ? Option.none()
    : Option.some(`they are ${size} bytes, and the upload, which is complete, has ${upload.offset}`)

/**
 * Bytes that a state names again, such as after a database was restored, are put back where they lack: it counts more
 * of them than none, they are no older than it, and they fit.
 */
export const putBackNamed = (
  orphans: Orphans,
  registry: UploadRegistry["Type"]
): Effect.Effect<void, UploadStoreError> =>
  Stream.runForEach(orphans.list, (orphan) =>
    Effect.gen(function*() {
      const entry = yield* registry.get(orphan.id)
      if (Option.isNone(entry) || !isMissed(orphan, entry.value.upload)) {
        return
      }
      if (yield* orphans.putBack(orphan)) {
        yield* Effect.logWarning(`${describe(orphan)} are put back: the upload is known again`)
      }
    }).pipe(Effect.catchAll((error) => Effect.logWarning(`${describe(orphan)} cannot be put back`, error))))

/** How far two clocks of one machine may differ, that of its files and that of its programs, in milliseconds. */
export const tolerance = 2000

const isMissed = (orphan: Orphan, upload: Upload): boolean =>
  upload.offset > 0 && Option.isNone(misfit(orphan, upload)) &&
  DateTime.toEpochMillis(orphan.writtenAt) + tolerance >= DateTime.toEpochMillis(upload.createdAt)

/** In a line of a log. */
export const describe = ({ id, size, writtenAt }: Pick<Orphan, "id" | "size" | "writtenAt">): string =>
  `${size} bytes of ${id}, last written at ${DateTime.formatIso(writtenAt)},`
