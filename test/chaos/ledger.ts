/**
 * What a server has acknowledged to its clients and has to keep for ever.
 */
import { assert } from "@effect/vitest"
import { randomBytes } from "node:crypto"

/** A range of the same random bytes for every upload, so that the bytes at any two offsets differ. */
export interface Content {
  readonly start: number
  readonly length: number
}

const everything = randomBytes(32 * 1024 * 1024)

export const bytesOf = ({ length, start }: Content) => everything.subarray(start, start + length)

export interface Entry {
  readonly path: string
  readonly content: Content
  /** If checksums cover the bytes, only multiples of this size can be acknowledged. */
  readonly step: number | undefined
  /** A final has no offset until it is complete. */
  readonly isFinal: boolean
  /** The highest acknowledged offset. */
  told: number
  /** `Leaving`: a DELETE was sent, and its result is not known. */
  state: "Open" | "Complete" | "Leaving" | "Gone"
  /** It was checked after a crash, and will not change any more. */
  isChecked: boolean
}

export const make = (random: () => number) => {
  const entries: Array<Entry> = []
  const posted: Array<Content> = []

  return {
    entries,
    /** Contents of 1 to `most` bytes. */
    content: (most: number): Content => {
      const length = 1 + Math.floor(random() * most)
      return { length, start: Math.floor(random() * (everything.length - length)) }
    },
    /** Records what a POST is about to create. Its answer may never arrive. */
    post: (content: Content) => posted.push(content) - 1,
    /** What the POST with this number was to create. */
    posted: (number: number) => posted[number] ?? assert.fail(`nothing was posted as ${number}`),
    created: (path: string, content: Content, kind: { readonly step?: number; readonly isFinal?: boolean } = {}) => {
      const entry: Entry = {
        path,
        content,
        step: kind.step,
        isFinal: kind.isFinal ?? false,
        told: 0,
        state: "Open",
        isChecked: false
      }
      entries.push(entry)
      return entry
    }
  }
}

export type UsageLedger = ReturnType<typeof make>

/** Records an acknowledged offset. `before` was acknowledged when the request was sent. */
export const tell = (entry: Entry, offset: number, before: number) => {
  const { content: { length }, path, step } = entry
  assert.isAtLeast(offset, before, `${path} went back`)
  assert.isAtMost(offset, length, `${path} went too far`)
  assert.isTrue(
    step === undefined || offset === length || offset % step === 0,
    `${path} kept a part of ${step} bytes whose checksum was never seen: ${offset}`
  )
  entry.told = Math.max(entry.told, offset)
  if (entry.told === length && entry.state === "Open") {
    entry.state = "Complete"
  }
}
