/**
 * The expected outcome of a request, derived from the specification and the README in another way than the rules: from
 * the meaning of the request instead of its bytes, as the set of all its faults. It does not say which of several
 * faults is answered, only that none is overlooked.
 */
import { type Ask, limits, type Target } from "./Story.js"

export interface Known {
  readonly id: string
  readonly kind: "Whole" | "Partial" | "Final"
  /** The parts of a final. */
  readonly parts: ReadonlyArray<number>
  readonly bytes: string
  readonly length: number | null
  readonly metadata: string | null
  readonly life: "Live" | "Expired" | "Gone"
  /** Whether it is a final that is not assembled yet. */
  readonly waits: boolean
}

/** All uploads of a story, in the order of their creation. */
export type World = ReadonlyArray<Known>

export interface Outcome {
  /** The statuses that are allowed; if empty, the request must be accepted. */
  readonly wrongs: ReadonlyArray<number>
  readonly world: World
  /** The upload of the request, if there is one. */
  readonly upload: number | undefined
}

export const isComplete = ({ bytes, length, waits }: Known) => !waits && length === bytes.length

export const verbOf = ({ method, override }: Ask) => (override.lines.length === 0 ? method : override.means ?? "")

/** The upload that is meant; undefined if there is none. */
export const targetOf = (world: World, target: Target) =>
  target._tag === "Upload" && world.length > 0 ? target.upload % world.length : undefined

/** The offset in the request. */
export const offsetOf = (stands: number, relative: number) => Math.abs(stands + relative)

export const refuse = (world: World, ...wrongs: ReadonlyArray<number>): Outcome => ({
  wrongs,
  world,
  upload: undefined
})

/** @param id - the id of the next upload. */
export const outcomeOf = (world: World, ask: Ask, id: string): Outcome => {
  const verb = verbOf(ask)
  const version = ask.version.means === true ? [] : [412]
  switch (verb) {
    case "OPTIONS":
      return refuse(world)
    case "POST":
      return create(world, ask, id, version)
    case "PATCH":
    case "HEAD":
    case "DELETE": {
      const index = targetOf(world, ask.target)
      const known = index === undefined ? undefined : world[index]
      if (index === undefined || known === undefined || known.life === "Gone") {
        const wrongs = [...version, ...(verb === "PATCH" ? patchHeaders(ask) : [])]
        return refuse(world, ask.target._tag === "Collection" ? 405 : 404, ...wrongs)
      }
      const wrongs = [...version, ...(known.life === "Expired" ? [410] : [])]
      if (verb === "PATCH") {
        return patch(world, ask, index, known, wrongs)
      }
      if (verb === "HEAD") {
        const hopeless = known.waits && known.parts.some((part) => world[part]?.life === "Gone") ? [410] : []
        return { ...refuse(world, ...wrongs, ...hopeless), upload: index }
      }
      return wrongs.length > 0 ? refuse(world, ...wrongs) : refuse(replace(world, index, { ...known, life: "Gone" }))
    }
    default:
      return refuse(world, 405)
  }
}

/** Completes the finals that waited for this part. */
const settle = (world: World, part: number): World =>
  world.map((final) => {
    const parts = final.parts.map((index) => world[index])
    if (final.life !== "Live" || !final.waits || !final.parts.includes(part)) {
      return final
    }
    const sum = sumOf(world, final.parts)
    return parts.some((part) => part?.life === "Gone") || (sum ?? 0) > limits.maxSize
      ? { ...final, life: "Gone" }
      : parts.every((part) => part !== undefined && isComplete(part))
      ? assembled(world, final)
      : final
  })

const assembled = (world: World, final: Known): Known => {
  const bytes = final.parts.map((index) => world[index]?.bytes ?? "").join("")
  return { ...final, bytes, length: bytes.length, waits: false }
}

/** The length of a final; null as long as that of a part is unknown. */
export const sumOf = (world: World, parts: ReadonlyArray<number>) =>
  parts.reduce<number | null>((sum, index) => {
    const length = world[index]?.length ?? null
    return sum === null || length === null ? null : sum + length
  }, 0)

const replace = (world: World, index: number, known: Known): World => world.map((one, i) => (i === index ? known : one))

const isMalformed = ({ lines, means }: { readonly lines: ReadonlyArray<string>; readonly means: unknown }) =>
  lines.length > 0 && means === null

const aboutBody = ({ checksum: { _tag } }: Ask) => (_tag === "Malformed" || _tag === "Both" ? [400] : [])

const patchHeaders = (ask: Ask) => [
  ...(ask.contentType.means === true && !isMalformed(ask.coding) ? [] : [415]),
  ...(typeof ask.offset !== "number" && ask.offset.means === null ? [400] : []),
  ...(isMalformed(ask.length) ? [400] : []),
  ...aboutBody(ask)
]

const patch = (world: World, ask: Ask, index: number, known: Known, wrongs: ReadonlyArray<number>): Outcome => {
  const { length: declared, offset } = ask
  const stands = known.bytes.length
  const complete = isComplete(known)
  const length = known.length ?? declared.means
  const room = (length ?? limits.maxSize) - stands
  const all = [
    ...wrongs,
    ...patchHeaders(ask),
    ...(known.kind === "Final" ? [403] : []),
    ...((typeof offset === "number" ? offsetOf(stands, offset) : offset.means ?? stands) === stands ? [] : [409]),
    ...(declared.means !== null && known.length !== null && declared.means !== known.length ? [400] : []),
    ...(declared.means !== null && known.length === null && declared.means < stands ? [400] : []),
    ...(declared.means !== null && known.length === null && declared.means > limits.maxSize ? [413] : []),
    ...(ask.framing === "Length" && ask.body.length > room ? [413] : [])
  ]
  if (all.length > 0) {
    return { ...refuse(world, ...all), upload: index }
  }
  const { kept, wrong } = arrival(ask, Math.max(0, room))
  const kind = { wrongs: wrong === undefined ? [] : [wrong], upload: index }
  // If the checksum does not match, no byte of the request counts.
  if (kept === undefined || complete) {
    return { ...kind, world }
  }
  const next = { ...known, bytes: known.bytes + kept, length }
  const after = replace(world, index, next)
  return { ...kind, world: isComplete(next) ? settle(after, index) : after }
}

/** What is kept of a body, and its fault. */
const arrival = ({ body, checksum, cut, framing }: Ask, room: number) => {
  const sent = cut === null ? body : body.slice(0, cut)
  const trusted = checksum._tag === "None"
  if (sent.length > room) {
    return { wrong: 413, kept: trusted ? body.slice(0, room) : undefined }
  }
  if (cut !== null) {
    return { wrong: 503, kept: trusted ? sent : undefined }
  }
  const right = trusted || (checksum._tag === "Header" && checksum.right) ||
    (checksum._tag === "Trailer" && checksum.right && framing === "Chunked")
  const absent = checksum._tag === "Announced" || (checksum._tag === "Trailer" && framing !== "Chunked")
  return right ? { kept: body } : { wrong: absent ? 400 : 460, kept: undefined }
}

const create = (world: World, ask: Ask, id: string, version: ReadonlyArray<number>): Outcome => {
  const { concat, deferLength, length, metadata } = ask
  const withUpload = ask.contentType.means === true
  const brings = ask.framing === "Chunked" || (ask.framing === "Length" && ask.body.length > 0)
  const isFinal = concat._tag === "Final"
  const parts = isFinal ? concat.parts.map((part) => (part < 0 || world.length === 0 ? -1 : part % world.length)) : []
  const known = parts.flatMap((part) => world[part] ?? [])
  const sum = isFinal ? sumOf(world, parts) : length.means
  const room = sum ?? limits.maxSize
  const wrongs = [
    ...version,
    ...(ask.target._tag === "Collection" ? [] : ask.target._tag === "Path" && !ask.target.beneath ? [404] : [405]),
    ...((withUpload ? isMalformed(ask.coding) : brings) ? [415] : []),
    ...([length, deferLength, metadata].some(isMalformed) || concat._tag === "Malformed" ? [400] : []),
    ...aboutBody(ask),
    ...(isFinal
      ? [
        ...(known.length < parts.length || known.some(({ life }) => life === "Gone") ? [404] : []),
        ...(known.some(({ kind }) => kind !== "Partial") ? [400] : []),
        ...(known.some(({ life }) => life === "Expired") ? [410] : []),
        ...(length.lines.length + deferLength.lines.length > 0 ? [400] : []),
        ...(withUpload ? [403] : [])
      ]
      : [length, deferLength].filter(({ lines }) => lines.length > 0).length !== 1
      ? [400]
      : []),
    ...(sum !== null && sum > limits.maxSize ? [413] : []),
    ...(withUpload && ask.framing === "Length" && ask.body.length > room ? [413] : [])
  ]
  if (wrongs.length > 0) {
    return refuse(world, ...wrongs)
  }
  const { kept = "", wrong = undefined } = withUpload ? arrival(ask, room) : {}
  // A client whose body was cut off learns the offset and continues. A creation with the wrong bytes creates nothing.
  if (wrong !== undefined && wrong !== 503) {
    return refuse(world, wrong)
  }
  const next: Known = {
    id,
    kind: isFinal ? "Final" : concat._tag === "Partial" ? "Partial" : "Whole",
    parts,
    bytes: kept,
    length: sum,
    metadata: metadata.means === "" ? null : metadata.means,
    life: "Live",
    waits: isFinal
  }
  const full = isFinal && known.every(isComplete)
  return { wrongs: [], world: [...world, full ? assembled(world, next) : next], upload: world.length }
}
