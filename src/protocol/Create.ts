/**
 * Create an upload: whole, a part, or the concatenation of parts. The request may contain the first bytes.
 */
import type * as DateTime from "effect/DateTime"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Concat from "./Concat.js"
import type { Dialect } from "./Dialect.js"
import { expiryAt, type Policy } from "./Policy.js"
import * as Refusal from "./Refusal.js"
import * as Transfer from "./Transfer.js"
import { type Amendments, Bytes, type Kind, Upload, type UploadId } from "./Upload.js"

/** What the client says. */
export interface Request extends Transfer.Body {
  /** The dialect of the request, and of the upload from then on. */
  readonly dialect: Dialect
  readonly length: Option.Option<Bytes>
  /** Whether the length follows later. */
  readonly isDeferred: boolean
  readonly metadata: Option.Option<string>
  readonly kind: Concat.Asked
  readonly brings: Brings
}

/** The body of the request: none, the first bytes of the upload, or something else. */
export type Brings =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "Bytes" }
  | {
    readonly _tag: "Other"
    readonly about: "type" | "coding"
    readonly expected: string
    readonly actual: Option.Option<string>
  }

/** The URL of the new upload, its offset if the request had bytes, and its expiry. */
export interface Created {
  readonly _tag: "Created"
  readonly url: string
  readonly offset: Option.Option<Bytes>
  readonly expires: Option.Option<DateTime.Utc>
}

/** What the server knows besides the request: a new id, and the parts that a final names. */
export interface Facts {
  readonly id: UploadId
  readonly parts: ReadonlyArray<Upload>
  readonly now: DateTime.Utc
}

/** The upload to create, and the plan for the bytes of the request. */
export interface Decision {
  readonly upload: Upload
  readonly plan: Option.Option<Transfer.Plan>
}

/** Whether the request contains the first bytes of the upload. */
export const bringsBytes = ({ brings }: Request): boolean => brings._tag === "Bytes"

/** The upload to create, or the refusal. Reasons to refuse are checked in this order. */
export const decide = (
  request: Request,
  { id, now, parts }: Facts,
  policy: Policy
): Either.Either<Decision, Refusal.Refusal> =>
  Either.gen(function*() {
    if (request.brings._tag === "Other") {
      const { about, actual, expected } = request.brings
      return yield* Either.left(Refusal.invalid(about, expected, actual))
    }
    const length = yield* lengthOf(request, parts)
    const metadata = Option.filter(request.metadata, (text) => /[^\s,]/.test(text))
    if (Option.exists(metadata, (text) => text.length > policy.maxMetadataSize)) {
      return yield* Either.left(Refusal.invalid("metadata", `expected at most ${policy.maxMetadataSize} characters`))
    }
    const kind = yield* kindOf(request, parts, now)
    if (
      Option.isSome(policy.maxSize) && Option.exists(length, (length) => length > Option.getOrThrow(policy.maxSize))
    ) {
      return yield* Either.left(new Refusal.TooLarge({ reason: "MaxSize", limit: policy.maxSize.value }))
    }
    const verification = yield* Transfer.verificationOf(request.checksum, policy)
    const { contentLength, dialect, isLast } = request
    const full = Option.isNone(isLast) && Option.exists(length, (length) => length === 0) && kind._tag !== "Final"
    const upload = Upload.of({
      id,
      kind,
      offset: Bytes.make(0),
      length,
      metadata,
      createdAt: now,
      // A final does not expire: its parts do, and it is removed when one of them is gone.
      expiresAt: full || kind._tag === "Final" ? Option.none() : expiryAt(policy, now),
      expiryIsFixed: false,
      completion: full ? Transfer.completionOf({ isPartial: kind._tag === "Partial" }, now, policy) : { _tag: "Open" },
      owner: Option.none(),
      dialect
    })
    return {
      upload,
      plan: bringsBytes(request)
        ? Option.some(yield* Transfer.plan(upload, length, { contentLength, isLast, verification }, policy))
        : Option.none()
    }
  })

/** The decision with what the application changes about the upload. */
export const amend = ({ plan, upload }: Decision, amendments: Amendments): Decision => {
  const amended = upload.amend(amendments)
  return { upload: amended, plan: Option.map(plan, (plan) => ({ ...plan, upload: amended })) }
}

/** The answer to a request that was not refused. `query` is appended to the URL of the upload. */
export const respond = (upload: Upload, collection: string, request: Request, query = ""): Created => ({
  _tag: "Created",
  url: `${collection}/${upload.id}${query}`,
  offset: bringsBytes(request) ? Option.some(upload.offset) : Option.none(),
  expires: upload.expiresAt
})

const lengthOf = (
  { isDeferred, kind, length }: Request,
  parts: ReadonlyArray<Upload>
): Either.Either<Option.Option<Bytes>, Refusal.Refusal> => {
  if (kind._tag === "Final") {
    const sum = Concat.lengthOf(parts)
    return Option.isSome(length) || isDeferred
      ? Either.left(Refusal.invalid("length", "expected none for a final upload, it is as long as its parts"))
      : Option.isNone(sum) && parts.every((part) => Option.isSome(part.length))
      ? Either.left(new Refusal.TooLarge({ reason: "MaxSize", limit: Number.MAX_SAFE_INTEGER }))
      : Either.right(sum)
  }
  return Option.isSome(length) === isDeferred
    ? Either.left(Refusal.invalid("deferral", "expected one of them: a length, or that it follows later"))
    : Either.right(length)
}

const kindOf = (
  request: Request,
  parts: ReadonlyArray<Upload>,
  now: DateTime.Utc
): Either.Either<Kind, Refusal.Refusal> => {
  if (request.kind._tag !== "Final") {
    return Either.right({ _tag: request.kind._tag })
  }
  const [first, ...rest] = parts
  const expired = parts.find((part) => part.hasExpired(now))
  const notPartial = parts.find((part) => !part.isPartial)
  return bringsBytes(request)
    ? Either.left(new Refusal.FinalUpload())
    : notPartial !== undefined
    ? Either.left(Refusal.invalid("parts", "expected partial uploads only", Option.some(notPartial.id)))
    : expired !== undefined
    ? Either.left(new Refusal.UploadExpired({ id: expired.id }))
    : first === undefined
    ? Either.left(Refusal.invalid("parts", "expected at least one partial upload"))
    : Either.right({
      _tag: "Final",
      parts: [first.id, ...rest.map((part) => part.id)],
      concat: request.kind.concat
    })
}
