/**
 * The fingerprint by which a later session finds a source again: its name, its size, its date, and a few samples of its
 * bytes. Cheap for any size, and no proof: a `PrefixDigest` proves that the bytes are the same.
 */
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Option from "effect/Option"
import * as UploadSource from "../sources/UploadSource.js"
import * as Sha256 from "./Sha256.js"

const samples = 5
const sampleBytes = 64 * 1024

/**
 * Option.none if the source has no identity, no length, or cannot be read at any offset. Reads at most 320 KiB, the
 * first and the last bytes among them. Without `HashFunctions` and Web Crypto nothing is read; then a source without a
 * date has no fingerprint either.
 */
export const of = Effect.fnUntraced(function*(source: UploadSource.UploadSource): Effect.fn.Return<
  Option.Option<string>,
  UploadSource.SourceError
> {
  if (Option.isNone(source.identity) || Option.isNone(source.length) || !source.seekable) {
    return Option.none()
  }
  const known = describe(source.identity.value)
  if (Option.isNone(yield* Sha256.digest(known))) {
    return Option.as(source.identity.value.modified, `tus-0:${Encoding.encodeHex(known)}`)
  }
  const sampled = yield* sample(source, source.length.value)
  const all = new Uint8Array(known.length + sampled.length)
  all.set(known)
  all.set(sampled, known.length)
  return Option.map(yield* Sha256.digest(all), (digest) => `tus-1:${Encoding.encodeHex(digest)}`)
})

/** The fingerprint of a part of a parallel upload. */
export const ofRange = (fingerprint: string, start: number, length: number): string =>
  `${fingerprint}:${start}+${length}`

/**
 * Whether an entry can be of a source of `length` bytes, or of a part of it, as far as can be told without the
 * fingerprint.
 */
export const canBeOf = (
  length: number,
  of: { readonly fingerprint: string; readonly start: number; readonly length: number }
) => of.length === length || (of.start + of.length <= length && isPart(of))

const isPart = ({ fingerprint, length, start }: Parameters<typeof canBeOf>[1]) =>
  fingerprint.endsWith(ofRange("", start, length))

/** Whether an entry is of this source, or of a part of it. */
export const isOf = (
  fingerprint: string,
  of: { readonly fingerprint: string; readonly start: number; readonly length: number }
) => of.fingerprint === fingerprint || of.fingerprint === ofRange(fingerprint, of.start, of.length)

/** JSON marks its own end, so no name can be mistaken for sampled bytes. */
const describe = ({ modified, name, size }: UploadSource.Identity) =>
  new TextEncoder().encode(JSON.stringify([name, size, Option.getOrNull(modified)]))

const sample = Effect.fnUntraced(function*(source: UploadSource.UploadSource, length: number) {
  const size = Math.min(length, samples * sampleBytes)
  const bytes = new Uint8Array(size)
  const ranges = size === length
    ? [[0, length] as const]
    : Array.from(
      { length: samples },
      (_, i) => [Math.floor(((length - sampleBytes) * i) / (samples - 1)), sampleBytes] as const
    )
  let filled = 0
  for (const [offset, count] of ranges) {
    yield* UploadSource.forEach(source, offset, count, (chunk) => {
      bytes.set(chunk, filled)
      filled += chunk.length
    })
  }
  return bytes
})
