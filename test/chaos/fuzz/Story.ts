/**
 * Requests as data: what is said in each header, and what it means. Whatever depends on where an upload stands is said
 * relative to it.
 */

export const limits = { maxSize: 10, maxMetadataSize: 64 }

/** The lines of a field, none where it is left out, and what they mean; null where they mean nothing. */
export interface Said<A> {
  readonly lines: ReadonlyArray<string>
  readonly means: A | null
}

export type Target =
  | { readonly _tag: "Collection" }
  /** One of those created before, in their order, counted round and round. */
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
  /** A trailer is announced and does not come; there is one before the body, too; there is something else. */
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
  /** Whether the bytes are as they are. */
  readonly coding: Said<true>
  /** From where the upload stands, or as it is said. */
  readonly offset: number | Said<number>
  readonly length: Said<number>
  readonly deferLength: Said<true>
  readonly metadata: Said<string>
  readonly concat: Concat
  readonly checksum: Checksum
  readonly framing: "None" | "Length" | "Chunked"
  readonly body: string
  /** Where the body is divided into chunks and packets. */
  readonly pieces: ReadonlyArray<number>
  /** The last byte of the body that is sent, where the client then falls silent. */
  readonly cut: number | null
  /** Something follows that is no request. */
  readonly long: boolean
  readonly expect: boolean
}

/** A request, or the time of an unfinished upload runs out. */
export type Step = Ask | { readonly _tag: "Expire"; readonly upload: number }

export type Story = ReadonlyArray<Step>

export const absent: Said<never> = { lines: [], means: null }

/** A POST that says nothing of itself. */
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

/** A story as it is told: in JSON, without what goes without saying. */
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
