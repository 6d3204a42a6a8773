/**
 * What a server has told its clients, which it has to stand by for ever.
 */
import { assert } from "@effect/vitest"
import { randomBytes } from "node:crypto"

/** What is uploaded: a piece of the same random bytes each time, so that no two offsets look alike. */
export interface Content {
  readonly start: number
  readonly length: number
}

const everything = randomBytes(32 * 1024 * 1024)

export const bytesOf = ({ length, start }: Content) => everything.subarray(start, start + length)

export interface Entry {
  readonly path: string
  readonly content: Content
  /** Where checksums cover the bytes, all or none of each so many count. */
  readonly step: number | undefined
  /** A final has no offset before it is complete. */
  readonly isFinal: boolean
  /** The highest offset that anybody was told. */
  told: number
  /** Of `Leaving` nobody has heard how it went. */
  state: "Open" | "Complete" | "Leaving" | "Gone"
  /** It has been looked for after a crash, and nothing will happen to it any more. */
  isChecked: boolean
}

export const make = (random: () => number) => {
  const entries: Array<Entry> = []
  const posted: Array<Content> = []

  return {
    entries,
    /** A content for an upload, of 1 to `most` bytes. */
    content: (most: number): Content => {
      const length = 1 + Math.floor(random() * most)
      return { length, start: Math.floor(random() * (everything.length - length)) }
    },
    /** Notes what a POST is about to create. Whether anything came of it may never be heard. */
    post: (content: Content) => posted.push(content) - 1,
    /** What the POST of this number was to create. */
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

/** An answer said how far an upload is; `before` is what had been told when it was asked for. */
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
