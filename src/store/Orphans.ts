/**
 * Orphans: bytes that no state names. The states may be the ones that are wrong, so the bytes are not removed. They are
 * set aside, logged, kept for long, and put back automatically if a state names them again.
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
  /** The upload that they belonged to. */
  readonly id: UploadId
  /** Distinguishes them from other orphans of the same upload. */
  readonly name: string
  /** When they were set aside. */
  readonly since: DateTime.Utc
  readonly size: number
  /**
   * Whether they are unchanged since they were set aside, in number and time. Changed ones are for a person to look at.
   */
  readonly isIntact: boolean
  /** When they were last written. */
  readonly writtenAt: DateTime.Utc
  /** Their location, for people. */
  readonly location: Option.Option<string>
}

/** The place for orphans of a `ByteStore`. No method changes a byte. */
export interface Orphans {
  /**
   * Moves all bytes of an upload there; the upload has none afterwards. Never replaces other orphans. `Option.none` if
   * there were no bytes. The age of bytes that were written after `since` counts from `since`, so that a wrong clock,
   * such as that of a machine without one after its start, does not make them too old.
   */
  readonly setAside: (id: UploadId, since: DateTime.Utc) => Effect.Effect<Option.Option<Orphan>, UploadStoreError>

  /** All of them, in any order. */
  readonly list: Stream.Stream<Orphan, UploadStoreError>

  /**
   * Puts them back. Returns false, and does nothing, if the upload has bytes, or if they were changed since they were
   * set aside.
   */
  readonly putBack: (orphan: Orphan) => Effect.Effect<boolean, UploadStoreError>

  /** Removes them for good. Does nothing if they are gone. */
  readonly remove: (orphan: Orphan) => Effect.Effect<void, UploadStoreError>
}

/** Why the bytes cannot belong to the upload with this state; `Option.none` if they can. */
export const misfit = ({ isIntact, size }: Orphan, upload: Upload): Option.Option<string> =>
  !isIntact
    ? Option.some("they were changed after they were set aside")
    : size < upload.offset
    ? Option.some(`they are ${size} bytes, but its upload counts ${upload.offset}`)
    : upload.isOpen || size === upload.offset
    ? Option.none()
    : Option.some(`they are ${size} bytes, but its complete upload has ${upload.offset}`)

/**
 * Puts back orphans that a state names again, for example after a database was restored: if the state counts bytes, the
 * upload has none, and the orphan is not older than the state and long enough.
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

/** How far the clocks of file system and process may differ, in milliseconds. */
export const tolerance = 2000

const isMissed = (orphan: Orphan, upload: Upload): boolean =>
  upload.offset > 0 && Option.isNone(misfit(orphan, upload)) &&
  DateTime.toEpochMillis(orphan.writtenAt) + tolerance >= DateTime.toEpochMillis(upload.createdAt)

/** For a log line. */
export const describe = ({ id, size, writtenAt }: Pick<Orphan, "id" | "size" | "writtenAt">): string =>
  `${size} bytes of ${id}, last written at ${DateTime.formatIso(writtenAt)},`
