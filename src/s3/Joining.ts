/**
 * How ranges of objects become one object: the parts of a multipart upload, as values.
 */

/** A range of an object; `end` is exclusive. */
export interface Source {
  readonly key: string
  readonly start: number
  readonly end: number
}

/** A part is copied if it lies in one object; otherwise its ranges are read, and written together. */
export interface JoinedPart {
  readonly number: number
  readonly size: number
  readonly sources: ReadonlyArray<Source>
}

const mebibyte = 1024 * 1024

/** The size of all parts but the last, for an object of `length` bytes: `preferred`, unless they would be too many. */
export const partSizeFor = (length: number, preferred: number, maxParts: number): number => {
  const needed = Math.ceil(length / maxParts)
  return needed <= preferred ? preferred : Math.ceil(needed / mebibyte) * mebibyte
}

export const sizeOf = (sources: ReadonlyArray<Source>): number =>
  sources.reduce((sum, { end, start }) => sum + end - start, 0)

/** The sources, in order, in parts of one size. The last part has what is left. */
export const parts = (sources: ReadonlyArray<Source>, partSize: number): ReadonlyArray<JoinedPart> => {
  const found: Array<JoinedPart> = []
  let ranges: Array<Source> = []
  const push = () => {
    found.push({ number: found.length + 1, size: sizeOf(ranges), sources: ranges })
    ranges = []
  }
  for (const { end, key, start } of sources) {
    for (let at = start; at < end;) {
      const next = Math.min(end, at + partSize - sizeOf(ranges))
      ranges.push({ key, start: at, end: next })
      at = next
      if (sizeOf(ranges) === partSize) {
        push()
      }
    }
  }
  if (ranges.length > 0) {
    push()
  }
  return found
}
