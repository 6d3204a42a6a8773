/**
 * Records what one writer has sent: each piece is counted by nobody before it is in the manifest.
 */
import * as Effect from "effect/Effect"
import type { UploadId } from "../protocol/Upload.js"
import type { Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import * as Manifest from "./Manifest.js"
import type { Manifests } from "./Manifests.js"
import type { S3Calls } from "./S3Calls.js"

export interface Dependencies {
  readonly calls: S3Calls
  readonly manifests: Manifests
  /** In bytes. */
  readonly partSize: number
}

/** What a writer has found, under its fence. */
export interface Found {
  readonly id: UploadId
  readonly at: number
  readonly fence: number
  readonly manifest: Manifest.Manifest
}

type Recorded = Effect.Effect<void, Superseded | UploadStoreError>

export class PieceWriter {
  private readonly dependencies: Dependencies
  private readonly found: Found
  private manifest: Manifest.Manifest
  private end: number

  constructor(dependencies: Dependencies, found: Found) {
    this.dependencies = dependencies
    this.found = found
    this.manifest = found.manifest
    this.end = found.at
  }

  /** Up to here all bytes are recorded. */
  get recorded(): number {
    return this.end
  }

  /** Stores these bytes as an object. */
  object(start: number, bytes: Uint8Array): Recorded {
    const { calls } = this.dependencies
    const size = bytes.length
    const key = calls.newKey(this.found.id, start, this.found.fence)
    return Effect.zipRight(
      calls.put(key, bytes),
      Effect.suspend(() => this.add({ _tag: "Object", start, size, key, objectSize: size }))
    )
  }

  /** A part has arrived. */
  part(piece: Manifest.PartPiece): Recorded {
    return this.add(piece)
  }

  /** The chapter has gone with its parts: they do not count any more. */
  lose(chapter: Manifest.Chapter): Recorded {
    return this.record(Manifest.lost(this.manifest, chapter))
  }

  /** From now on nobody else goes on with the chapter. */
  hold(chapter: Manifest.Chapter): Effect.Effect<Manifest.Chapter, Superseded | UploadStoreError> {
    const { fence } = this.found
    return Effect.as(this.record(Manifest.held(this.manifest, chapter, fence)), { ...chapter, writer: fence })
  }

  /** All parts of these chapters are recorded: whoever comes next may go on with them. */
  handOn(chapters: ReadonlySet<number>): Recorded {
    return this.record({
      ...this.manifest,
      chapters: this.manifest.chapters.map((chapter) =>
        chapters.has(chapter.chapter) ? { ...chapter, writer: undefined } : chapter
      )
    })
  }

  /** Begins a chapter that nobody else goes on with. */
  newChapter(start: number): Effect.Effect<Manifest.Chapter, Superseded | UploadStoreError> {
    const { calls, partSize } = this.dependencies
    const { fence, id } = this.found
    return Effect.flatMap(calls.createChapter(calls.newKey(id, start, fence)), (created) => {
      const number = 1 + Math.max(0, ...this.manifest.chapters.map(({ chapter }) => chapter))
      const chapter: Manifest.Chapter = { ...created, chapter: number, start, partSize, writer: fence }
      return Effect.as(this.record({ ...this.manifest, chapters: [...this.manifest.chapters, chapter] }), chapter)
    })
  }

  /** Reads the bytes of a range, which are in objects. */
  readBack(start: number, end: number, into: Uint8Array): Effect.Effect<void, UploadStoreError> {
    const objects = (Manifest.tiles(this.manifest.pieces, end) ?? []).filter((piece) => piece.start >= start)
    return this.dependencies.calls.gather(
      objects.map((piece) => ({ key: Manifest.nameOf(piece), start: 0, end: piece.size })),
      into
    )
  }

  private add(piece: Manifest.Piece): Recorded {
    return Effect.map(this.record({ ...this.manifest, pieces: [...this.manifest.pieces, piece] }), () => {
      this.end = Math.max(this.end, Manifest.endOf(piece))
    })
  }

  private record(after: Manifest.Manifest): Recorded {
    const { fence, id } = this.found
    return Effect.map(this.dependencies.manifests.change({ id, fence, before: this.manifest, after }), () => {
      this.manifest = after
    })
  }
}
