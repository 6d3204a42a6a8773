/**
 * Which bytes of an upload lie where: the rules, as values. Knows neither SQL nor S3.
 *
 * An upload is a list of pieces. A piece is an object, or a part of a *chapter*, which is a multipart upload that has
 * not been completed. Pieces may lie beside each other: a part is recorded while the objects with the same bytes stay,
 * until the state counts the part.
 */
import * as Either from "effect/Either"

/** The first `size` bytes of an object, which lie at `start` of the upload. */
export interface ObjectPiece {
  readonly _tag: "Object"
  readonly start: number
  readonly size: number
  readonly key: string
  /** More than `size` if the upload was cut within it. */
  readonly objectSize: number
}

/** A part of a chapter. */
export interface PartPiece {
  readonly _tag: "Part"
  readonly start: number
  readonly size: number
  readonly chapter: number
  readonly number: number
  readonly etag: string
}

export type Piece = ObjectPiece | PartPiece

/** A multipart upload. Its parts are of one size, but for the last, and the first of them lies at `start`. */
export interface Chapter {
  readonly chapter: number
  readonly start: number
  readonly key: string
  readonly multipartId: string
  /** Stored with the object: it proves that an object is this one. */
  readonly token: string
  readonly partSize: number
  /**
   * The fence of the writer that may have parts under way, or `closed`, or `sealing`. Undefined if all parts are
   * recorded.
   */
  readonly writer: number | undefined
}

/** The writer of a chapter that nobody may continue: the number of a part that was dropped is never used again. */
export const closed = -1

/**
 * The writer of a chapter that is being completed. Whoever does that, maybe without knowing that it has lost its lock,
 * sends the same last part and the same list.
 */
export const sealing = -2

export interface Manifest {
  readonly pieces: ReadonlyArray<Piece>
  readonly chapters: ReadonlyArray<Chapter>
}

export const empty: Manifest = { pieces: [], chapters: [] }

export const endOf = ({ size, start }: Piece): number => start + size

/** The name of a piece among those of its upload. */
export const nameOf = (piece: Piece): string => piece._tag === "Object" ? piece.key : `${piece.chapter}/${piece.number}`

/** For each offset that pieces reach from 0 without a gap, the largest piece that ends there. */
const reached = (pieces: ReadonlyArray<Piece>): ReadonlyMap<number, Piece | undefined> => {
  const last = new Map<number, Piece | undefined>([[0, undefined]])
  for (const piece of pieces.toSorted((a, b) => a.start - b.start)) {
    const end = endOf(piece)
    if (piece.size > 0 && last.has(piece.start) && piece.size > (last.get(end)?.size ?? 0)) {
      last.set(end, piece)
    }
  }
  return last
}

/** How many bytes are stored without a gap. */
export const sizeOf = ({ pieces }: Pick<Manifest, "pieces">): number => Math.max(...reached(pieces).keys())

/** Pieces that are the bytes up to `end`, each once, in order: as few as possible. Undefined if there are none. */
export const tiles = (pieces: ReadonlyArray<Piece>, end: number): ReadonlyArray<Piece> | undefined => {
  const last = reached(pieces)
  if (!last.has(end)) {
    return undefined
  }
  const found: Array<Piece> = []
  for (let piece = last.get(end); piece !== undefined; piece = last.get(piece.start)) {
    found.push(piece)
  }
  return found.toReversed()
}

/** `tiles`, where an object may be cut. A part cannot be. */
const tilesCut = (pieces: ReadonlyArray<Piece>, end: number): ReadonlyArray<Piece> | undefined => {
  const whole = tiles(pieces, end)
  if (whole !== undefined) {
    return whole
  }
  for (const piece of pieces) {
    const before = piece._tag === "Object" && piece.start < end && end < endOf(piece)
      ? tiles(pieces, piece.start)
      : undefined
    if (before !== undefined) {
      return [...before, { ...piece, size: end - piece.start }]
    }
  }
  return undefined
}

/** What a new writer finds. */
export interface Beginning {
  /** The pieces that are left: the bytes up to where it begins. */
  readonly tiles: ReadonlyArray<Piece>
  /** Pieces that are dropped: they lie behind, or others have their bytes. */
  readonly dropped: ReadonlyArray<Piece>
  /** Chapters of which nothing counts. */
  readonly unneeded: ReadonlyArray<Chapter>
  /** Chapters that lose parts and keep others. */
  readonly closing: ReadonlyArray<Chapter>
  /** Where the next part begins. The bytes behind it are in `tail`, which are objects, and fill no part. */
  readonly boundary: number
  readonly tail: ReadonlyArray<ObjectPiece>
  /** The chapter that is continued, with the number of its next part. */
  readonly next: { readonly chapter: Chapter; readonly number: number } | undefined
}

/**
 * Begins to write at `at`, an offset that the state counts. Fails with the number of stored bytes if there are fewer,
 * or if `at` lies within a part.
 */
export const begin = (
  manifest: Manifest,
  at: number,
  { maxParts, partSize }: { readonly partSize: number; readonly maxParts: number }
): Either.Either<Beginning, number> => {
  const kept = tilesCut(manifest.pieces, at)
  if (kept === undefined) {
    return Either.left(sizeOf(manifest))
  }
  const names = new Set(kept.map(nameOf))
  const dropped = manifest.pieces.filter((piece) => !names.has(nameOf(piece)))
  const needed = manifest.chapters.filter((chapter) => isIn(kept, chapter))
  const tail = tailOf(kept, partSize)
  const before = kept[kept.length - tail.length - 1]
  const boundary = before === undefined ? 0 : endOf(before)
  const chapter = before?._tag === "Part"
    ? needed.find(({ chapter }) => chapter === before.chapter)
    : undefined
  const isFree = chapter !== undefined && before?._tag === "Part" && chapter.writer === undefined &&
    !isIn(dropped, chapter) && chapter.partSize === partSize && before.size === partSize && before.number < maxParts
  return Either.right({
    tiles: kept,
    dropped,
    unneeded: manifest.chapters.filter((chapter) => !needed.includes(chapter)),
    closing: needed.filter((chapter) => isIn(dropped, chapter)),
    boundary,
    tail,
    next: isFree && before?._tag === "Part" ? { chapter, number: before.number + 1 } : undefined
  })
}

const isIn = (pieces: ReadonlyArray<Piece>, { chapter }: Chapter): boolean =>
  pieces.some((piece) => piece._tag === "Part" && piece.chapter === chapter)

/** What is left once a writer has begun. */
export const after = ({ chapters }: Manifest, { closing, tiles, unneeded }: Beginning): Manifest => ({
  pieces: tiles,
  chapters: chapters.filter((chapter) => !unneeded.includes(chapter)).map((chapter) =>
    closing.includes(chapter) ? { ...chapter, writer: closed } : chapter
  )
})

/** The last objects, as long as they do not fill a part together. */
const tailOf = (tiles: ReadonlyArray<Piece>, partSize: number): ReadonlyArray<ObjectPiece> => {
  const found: Array<ObjectPiece> = []
  let size = 0
  for (const piece of tiles.toReversed()) {
    size += piece.size
    if (piece._tag === "Part" || size >= partSize) {
      break
    }
    found.push(piece)
  }
  return found.toReversed()
}

/** How the first `length` bytes become one object. */
export type Seal =
  /** They are one. */
  | { readonly _tag: "Sealed"; readonly object: ObjectPiece }
  /** Fewer are stored. */
  | { readonly _tag: "Missing" }
  /** `rest` becomes the last part of the chapter, which is completed with exactly these parts. */
  | {
    readonly _tag: "Complete"
    readonly chapter: Chapter
    readonly parts: ReadonlyArray<PartPiece>
    readonly rest: ReadonlyArray<ObjectPiece>
  }
  /** First each of these chapters becomes an object, with strays if there are any; then all are joined. */
  | { readonly _tag: "Join"; readonly chapters: ReadonlyArray<Chapter>; readonly tiles: ReadonlyArray<Piece> }

export const seal = (manifest: Manifest, length: number, maxParts: number): Seal => {
  const all = tiles(manifest.pieces, length)
  if (all === undefined) {
    return { _tag: "Missing" }
  }
  const [first] = all
  const object = (length === 0 ? manifest.pieces : all).find((piece) =>
    piece._tag === "Object" && piece.size === length && piece.objectSize === length
  )
  if (object?._tag === "Object") {
    return { _tag: "Sealed", object }
  }
  const chapters = manifest.chapters.filter(({ chapter }) =>
    all.some((piece) => piece._tag === "Part" && piece.chapter === chapter)
  )
  const [chapter] = chapters
  const parts = all.filter((piece) => piece._tag === "Part")
  const rest = all.filter((piece) => piece._tag === "Object")
  const restSize = rest.reduce((sum, { size }) => sum + size, 0)
  const last = parts.at(-1)
  return chapter !== undefined && last !== undefined && chapters.length === 1 &&
      (chapter.writer === undefined || chapter.writer === sealing) && first === parts[0] && chapter.start === 0 &&
      all[parts.length - 1] === last && parts.length === last.number &&
      (rest.length === 0
        || (last.size === chapter.partSize && restSize <= chapter.partSize && parts.length < maxParts))
    ? { _tag: "Complete", chapter, parts, rest }
    : { _tag: "Join", chapters, tiles: all }
}

/** The ranges of objects that are the first `length` bytes. Undefined if some of them are in a chapter, or missing. */
export const ranges = (
  manifest: Manifest,
  length: number
): ReadonlyArray<{ readonly key: string; readonly start: number; readonly end: number }> | undefined => {
  const objects = tilesCut(manifest.pieces.filter(({ _tag }) => _tag === "Object"), length)
  return objects?.map((piece) => ({ key: nameOf(piece), start: 0, end: piece.size }))
}

/** The parts of a chapter have become an object of this size, of which the same bytes count. */
export const completed = ({ chapters, pieces }: Manifest, chapter: Chapter, objectSize: number): Manifest => {
  const isPart = (piece: Piece) => piece._tag === "Part" && piece.chapter === chapter.chapter
  const size = pieces.filter(isPart).reduce((sum, { size }) => sum + size, 0)
  return {
    pieces: [
      ...pieces.filter((piece) => !isPart(piece)),
      { _tag: "Object", start: chapter.start, size, key: chapter.key, objectSize }
    ],
    chapters: chapters.filter((other) => other.chapter !== chapter.chapter)
  }
}

/** The chapter has gone, and its parts with it. */
export const lost = ({ chapters, pieces }: Manifest, { chapter }: Chapter): Manifest => ({
  pieces: pieces.filter((piece) => piece._tag === "Object" || piece.chapter !== chapter),
  chapters: chapters.filter((other) => other.chapter !== chapter)
})

/** This writer has the chapter; without a writer, whoever comes next may go on with it. */
export const held = ({ chapters, pieces }: Manifest, { chapter }: Chapter, writer: number | undefined): Manifest => ({
  pieces,
  chapters: chapters.map((other) => other.chapter === chapter ? { ...other, writer } : other)
})

/** What is gone from a manifest, and may be removed from the store, once `after` is recorded instead. */
export const unneeded = (
  before: Manifest,
  after: Manifest
): { readonly keys: ReadonlyArray<string>; readonly chapters: ReadonlyArray<Chapter> } => {
  const kept = new Set(after.pieces.map(nameOf))
  return {
    keys: before.pieces.flatMap((piece) => piece._tag === "Object" && !kept.has(piece.key) ? [piece.key] : []),
    chapters: before.chapters.filter(({ chapter, key }) =>
      !kept.has(key) && !after.chapters.some((other) => other.chapter === chapter)
    )
  }
}
