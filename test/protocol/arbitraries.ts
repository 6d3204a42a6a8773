/**
 * Shared by the tests of the rules: an instant, ids, a policy with everything enabled, and generators of legal states.
 */
import { Metadata, type Policy, Upload } from "effect-tus"
import * as Arbitrary from "effect/Arbitrary"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"

export const now = DateTime.toUtc(DateTime.unsafeMake("2026-11-22T12:00:00Z"))

export const at = (seconds: number): DateTime.Utc => DateTime.addDuration(now, Duration.seconds(seconds))

export const id = (letter: string) => Upload.UploadId.make(letter.repeat(22))

export const bytes = (n: number) => Upload.Bytes.make(n)

export const policy: Policy.Policy = {
  maxSize: Option.some(100),
  maxMetadataSize: 64,
  expiresAfter: Option.some(Duration.seconds(60)),
  algorithms: ["sha1", "crc32"],
  trailers: true,
  finishes: false,
  seals: false
}

/** The same without limits, so that any length is allowed. */
export const unlimited: Policy.Policy = { ...policy, maxSize: Option.none(), maxMetadataSize: Infinity }

type Fields = Parameters<typeof Upload.Upload.of>[0]

export const fieldsOf = (fields: Partial<Fields>): Fields => ({
  id: id("a"),
  kind: { _tag: "Whole" },
  offset: bytes(0),
  length: Option.none(),
  metadata: Option.none(),
  createdAt: now,
  expiresAt: Option.none(),
  expiryIsFixed: false,
  completion: { _tag: "Open" },
  owner: Option.none(),
  dialect: "tus",
  ...fields
})

/** An upload with defaults for all fields that a test does not give. */
export const uploadOf = (fields: Partial<Fields>): Upload.Upload => new Upload.Upload(fieldsOf(fields))

/** Whole seconds from 1970 to 9999, which is the range of dates in headers. */
export const seconds = FastCheck.integer({ min: 0, max: 253402300799 }).map((second) =>
  DateTime.unsafeMake(second * 1000)
)

/** Values of a response class. Their dates are whole seconds, as in a header. */
export const inSeconds = <A extends { readonly expires: Option.Option<DateTime.Utc> }, I>(
  schema: Schema.Schema<A, I>,
  make: (a: A) => A
) =>
  FastCheck.tuple(Arbitrary.make(schema), seconds).map(([response, second]) =>
    make({ ...response, expires: Option.map(response.expires, () => second) })
  )

/** A small or a very large number of bytes. */
export const size = FastCheck.oneof(FastCheck.nat(4), FastCheck.maxSafeNat()).map(bytes)

const option = <A>(arbitrary: FastCheck.Arbitrary<A>) =>
  FastCheck.option(arbitrary, { nil: undefined }).map((a) => Option.fromNullable(a))

const expiry = option(FastCheck.integer({ min: -2, max: 2 }).map(at))
const ids = FastCheck.constantFrom("a", "b", "c", "d").map(id)

const final: FastCheck.Arbitrary<Upload.Kind> = FastCheck.tuple(ids, FastCheck.array(ids, { maxLength: 3 })).map(
  ([first, rest]) => ({
    _tag: "Final",
    parts: [first, ...rest],
    concat: `final;${[first, ...rest].map((part) => `/files/${part}`).join(" ")}`
  })
)

const closed: FastCheck.Arbitrary<Upload.Completion> = FastCheck.constantFrom(
  { _tag: "Finishing" },
  { _tag: "Complete", at: now, answer: Option.none() },
  { _tag: "Rejected", status: 422, reason: "not today" }
)

const common = FastCheck.record({
  id: ids,
  metadata: option(Arbitrary.make(Metadata.Raw)),
  createdAt: FastCheck.integer({ min: -5, max: 0 }).map(at)
})

/** Uploads that take bytes: not final, not full, not expired. */
export const takers = FastCheck.record({
  common,
  kind: FastCheck.constantFrom<Upload.Kind>({ _tag: "Whole" }, { _tag: "Partial" }),
  room: option(FastCheck.oneof(FastCheck.integer({ min: 1, max: 4 }), FastCheck.integer({ min: 1, max: 2 ** 50 }))),
  offset: FastCheck.oneof(FastCheck.nat(4), FastCheck.nat(2 ** 31 - 1)),
  expiresAt: option(FastCheck.integer({ min: 1, max: 60 }).map(at))
}).map(({ common, expiresAt, kind, offset, room }) =>
  uploadOf({
    ...common,
    kind,
    offset: bytes(offset),
    length: Option.map(room, (room) => bytes(offset + room)),
    expiresAt
  })
)

const openFinals = FastCheck.record({ common, kind: final, length: option(size), expiresAt: expiry }).map(
  ({ common, ...fields }) => uploadOf({ ...common, ...fields })
)

/** Uploads that have all their bytes. */
export const fulls = FastCheck.record({
  common,
  kind: FastCheck.oneof(FastCheck.constantFrom<Upload.Kind>({ _tag: "Whole" }, { _tag: "Partial" }), final),
  length: size,
  completion: closed
}).map(({ common, completion, kind, length }) =>
  uploadOf({ ...common, kind, completion, offset: length, length: Option.some(length) })
)

const expired = FastCheck.tuple(takers, FastCheck.integer({ min: -60, max: 0 })).map(([upload, seconds]) =>
  new Upload.Upload({ ...upload, expiresAt: Option.some(at(seconds)) })
)

/** Every legal state. */
export const uploads = FastCheck.oneof(takers, openFinals, fulls, expired)
