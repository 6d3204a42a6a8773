/**
 * Requests as data: the text of each header, and its meaning. Values that depend on the offset of an upload are
 * relative to it.
 */

export const limits = { maxSize: 10, maxMetadataSize: 64 }

/** The lines of a field, empty if it is left out, and their meaning; null if they are invalid. */
export interface Said<A> {
  readonly lines: ReadonlyArray<string>
  readonly means: A | null
}

export type Target =
  | { readonly _tag: "Collection" }
  /** An upload created before, by its number modulo their count. */
  | { readonly _tag: "Upload"; readonly upload: number }
  | { readonly _tag: "Path"; readonly path: string; readonly beneath: boolean }

export type Concat =
  | { readonly _tag: "None" }
  | { readonly _tag: "Partial" }
  | { readonly _tag: "Final"; readonly parts: ReadonlyArray<number>; readonly prefix: string }
  | { readonly _tag: "Malformed"; readonly line: string }

export type Checksum =
  | { readonly _tag: "None" }
  | { readonly _tag: "Header" | "Trailer"; readonly algorithm: "sha1" | "md5" | "sha256"; readonly right: boolean }
  /** A trailer is announced and missing; a header has the same field; the trailer is malformed. */
  | { readonly _tag: "Announced" | "Both" }
  | { readonly _tag: "Malformed"; readonly lines: ReadonlyArray<string> }

export interface Ask {
  readonly _tag: "Ask"
  readonly method: string
  readonly override: Said<string>
  readonly version: Said<true>
  readonly target: Target
  readonly origin: string
  readonly suffix: string
  readonly contentType: Said<true>
  /** The content coding; only the identity is valid. */
  readonly coding: Said<true>
  /** Relative to the offset of the upload, or absolute. */
  readonly offset: number | Said<number>
  readonly length: Said<number>
  readonly deferLength: Said<true>
  readonly metadata: Said<string>
  readonly concat: Concat
  readonly checksum: Checksum
  readonly framing: "None" | "Length" | "Chunked"
  readonly body: string
  /** Where the body is split into chunks and packets. */
  readonly pieces: ReadonlyArray<number>
  /** The last byte of the body that is sent; then the client is silent. */
  readonly cut: number | null
  /** Whether bytes follow that are no request. */
  readonly long: boolean
  readonly expect: boolean
}

/** A request, or the expiry of an unfinished upload. */
export type Step = Ask | { readonly _tag: "Expire"; readonly upload: number }

export type Story = ReadonlyArray<Step>

export const absent: Said<never> = { lines: [], means: null }

/** A POST without any header of its own. */
export const plain: Ask = {
  _tag: "Ask",
  method: "POST",
  override: absent,
  version: { lines: ["1.0.0"], means: true },
  target: { _tag: "Collection" },
  origin: "",
  suffix: "",
  contentType: absent,
  coding: absent,
  offset: 0,
  length: absent,
  deferLength: absent,
  metadata: absent,
  concat: { _tag: "None" },
  checksum: { _tag: "None" },
  framing: "None",
  body: "",
  pieces: [],
  cut: null,
  long: false,
  expect: false
}

/** A story as JSON, without default values. */
export const tell = (story: Story): string => {
  const told = story.map((step) => {
    const fields = Object.entries(step).filter(([name, value]) =>
      step._tag === "Expire" || JSON.stringify(value) !== JSON.stringify(plain[name as keyof Ask])
    )
    return JSON.stringify(Object.fromEntries(fields))
  })
  return `[${told.join(",\n")}]`
}

export const parse = (text: string): Story =>
  (JSON.parse(text) as ReadonlyArray<Partial<Step>>).map((step) =>
    (step._tag === "Expire" ? step : { ...plain, ...step }) as Step
  )
