/**
 * The checks of the exploration after every step. They compute what is expected in another way than the rules.
 */
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { type Append, Create, type Policy, Refusal, TusDialect, Upload } from "effect-tus"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { id, now, uploadOf } from "./arbitraries.js"
import { statusOf, told } from "./defects.js"
import * as Model from "./model.js"

/** Like `assert`, which would take most of the time of millions of checks. */
const claim = (holds: boolean, promise: string) => {
  if (!holds) {
    assert.fail(promise)
  }
}

/** What no request may do to an upload. */
export const checkMove = (before: Model.Stored, next: Model.Slot) => {
  if (!Model.isStored(next)) {
    claim(next === "Gone", "what was created is as if it had never been")
    return
  }
  if (next === before) {
    return
  }
  const [from, to] = [before.upload, next.upload]
  claim(to.offset >= from.offset, "the offset never decreases")
  claim(next.bytes.startsWith(before.bytes), "bytes that count are never replaced")
  claim(
    Option.isNone(from.length) || Option.getOrUndefined(to.length) === from.length.value,
    "a set length never changes"
  )
  claim(
    from.isOpen || (next.bytes === before.bytes && from.completion._tag === "Finishing"),
    "what is complete changes only by the answer of the hook"
  )
  for (const field of ["id", "kind", "metadata", "createdAt", "dialect"] as const) {
    deepStrictEqual(to[field], from[field])
  }
}

/** What holds for every upload at any time. */
export const checkState = (name: Model.Name, { bytes: stored, upload }: Model.Stored, rules: Policy.Policy) => {
  if (name === "f") {
    assert.strictEqual(stored.length, upload.offset)
  } else {
    assert.strictEqual(stored, Model.contents[name].slice(0, upload.offset), "other bytes count than were sent")
  }
  assert.isTrue(Option.match(upload.length, { onNone: () => true, onSome: (length) => upload.offset <= length }))
  assert.strictEqual(
    upload.isOpen,
    upload.isFinal
      ? upload.completion._tag === "Open"
      : Option.isNone(upload.length) || upload.offset < upload.length.value
  )
  assert.strictEqual(
    Option.isSome(upload.expiresAt),
    upload.isOpen && !upload.isFinal && Option.isSome(rules.expiresAfter)
  )
  assert.isAtMost(upload.offset, Option.getOrElse(rules.maxSize, () => Infinity))
  deepStrictEqual(Schema.decodeSync(Upload.Upload)(Schema.encodeSync(Upload.Upload)(upload)), upload)
}

/** The expected result of a request, computed in another way than the rules. */
const expectation = (
  upload: Upload.Upload,
  letter: Model.Letter<Append.Request | Create.Request>,
  declared: Option.Option<number>,
  claimed: number,
  rules: Policy.Policy
) => {
  const { arrives, check, ending, size, told } = letter
  const limit = Option.getOrElse(rules.maxSize, () => Infinity)
  const length = Option.orElse(upload.length, () => declared)
  const room = upload.isOpen ? Option.getOrElse(length, () => limit) - upload.offset : 0
  const reads = !check.endsWith("Trailer") || rules.trailers
  const lawful = !upload.isFinal && !upload.hasExpired(now) && upload.completion._tag !== "Rejected" && reads &&
    claimed === upload.offset &&
    Option.match(declared, {
      onNone: () => true,
      onSome: (n) => Option.isSome(upload.length) ? n === upload.length.value : n >= upload.offset && n <= limit
    }) &&
    !(told && size > room)
  const good = check === "None" || check === "Good" || check === "GoodTrailer"
  const whole = ending === "Ended" && size <= room && good
  const kept = !lawful || !upload.isOpen
    ? 0
    : check === "None"
    ? Math.min(arrives, room)
    : whole
    ? size
    : 0
  const full = Option.isSome(length) && upload.offset + kept === length.value
  return {
    accepted: lawful && whole,
    // A process that is killed has never committed all bytes.
    kept: ending === "Killed" && (full || check !== "None") ? 0 : kept,
    lawful,
    overruns: arrives > room
  }
}

export const checkPatch = (
  before: Model.Stored,
  letter: Model.Letter<Append.Request>,
  { answer, slot }: Model.Outcome,
  rules: Policy.Policy
) => {
  const { length: declared, offset: claimed } = letter.request
  const { accepted, kept, lawful } = expectation(before.upload, letter, declared, claimed, rules)
  checkMove(before, slot)
  const { upload } = Model.isStored(slot) ? slot : assert.fail("a PATCH removes nothing")
  claim(upload.offset === before.upload.offset + kept, `the offset moves by ${kept}, not to ${upload.offset}`)
  if (Option.isNone(answer)) {
    claim(upload.isOpen === before.upload.isOpen, "a checkpoint never reports a full upload")
    const length = kept > 0 ? Option.orElse(before.upload.length, () => declared) : before.upload.length
    claim(Option.getOrUndefined(upload.length) === Option.getOrUndefined(length), "a checkpoint keeps the length")
    return
  }
  const reply = answer.value
  claim(Refusal.isRefusal(reply) !== accepted, accepted ? "this is accepted" : "this is refused")
  if (Refusal.isRefusal(reply)) {
    claim(slot === before || (lawful && letter.check === "None"), "a refused request changes nothing")
    claim(reply._tag !== "Interrupted" || reply.offset === upload.offset, "the refusal has the offset")
    claim(!before.upload.isFinal || before.upload.hasExpired(now) || statusOf(reply) === 403, "403 of a final")
    return
  }
  deepStrictEqual(upload.length, Option.orElse(before.upload.length, () => declared))
  const { headers, status } = TusDialect.encode({ reply })
  claim(status === 204, "204 of a PATCH")
  claim(headers["upload-offset"] === String(claimed + letter.size), "the response has the new offset")
  claim(
    "upload-expires" in headers === (upload.isOpen && !upload.isFinal && Option.isSome(rules.expiresAfter)),
    "the response has the expiry"
  )
}

export const checkCreation = (
  name: "a" | "b",
  letter: Model.Letter<Create.Request>,
  { answer, slot }: Model.Outcome,
  rules: Policy.Policy
) => {
  const { kind, length } = letter.request
  const empty = Option.exists(length, (length) => length === 0)
  const fresh = uploadOf({
    length,
    completion: empty ? { _tag: "Complete", at: now, answer: Option.none() } : { _tag: "Open" }
  })
  const { accepted, kept, lawful, overruns } = expectation(fresh, letter, Option.none(), 0, rules)
  const reply = Option.getOrUndefined(answer)
  // If the body was cut off, the client is told the offset. Any other refusal creates nothing.
  const survives = accepted || letter.ending === "Killed" || (letter.ending === "Disconnected" && !overruns)
  claim(Model.isStored(slot) === (lawful && survives), "created if and only if a client can resume it")
  if (!Model.isStored(slot)) {
    claim(Refusal.isRefusal(reply), "what is not created is refused")
    return
  }
  assert.strictEqual(slot.upload.id, id(name))
  assert.strictEqual(slot.upload.offset, kept)
  deepStrictEqual(slot.upload.length, length)
  assert.strictEqual(slot.upload.isPartial, kind._tag === "Partial")
  assert.strictEqual(reply === undefined, letter.ending === "Killed")
  if (reply !== undefined && !Refusal.isRefusal(reply)) {
    assert.isTrue(accepted)
    const { headers, status } = TusDialect.encode({ reply })
    assert.strictEqual(status, 201)
    assert.strictEqual(headers["location"], `/files/${id(name)}`)
    assert.strictEqual(headers["upload-offset"], Create.bringsBytes(letter.request) ? String(kept) : undefined)
  }
}

const total = (parts: ReadonlyArray<Model.Slot>): Option.Option<number> =>
  Option.map(
    Option.all(parts.map((part) => Model.isStored(part) ? part.upload.length : Option.none())),
    (lengths) => lengths.reduce((sum, length) => sum + length, 0)
  )

export const checkFinal = (
  world: Model.World,
  names: ReadonlyArray<"a" | "b">,
  { answer, slot }: Model.Outcome,
  rules: Policy.Policy
) => {
  const parts = names.map((name) => world[name])
  const length = total(parts)
  const stored = parts.filter(Model.isStored)
  const expected = stored.length < parts.length
    ? "404 UploadNotFound"
    : stored.some(({ upload }) => !upload.isPartial)
    ? "400 upload-concat"
    : stored.some(({ upload }) => upload.hasExpired(now))
    ? "410 UploadExpired"
    : Option.exists(length, (length) => Option.exists(rules.maxSize, (limit) => length > limit))
    ? "413 TooLarge"
    : "created"
  assert.strictEqual(
    Option.match(Option.filter(answer, Refusal.isRefusal), { onNone: () => "created", onSome: told }),
    expected
  )
  if (Model.isStored(slot)) {
    const { isOpen, kind, length: announced } = slot.upload
    assert.isTrue(isOpen)
    deepStrictEqual<unknown>(announced, length)
    deepStrictEqual<unknown>(kind._tag === "Final" ? kind.parts : [], names.map(id))
  }
}

/** A final is its parts, in the requested order. */
export const checkAssembly = (world: Model.World, assembled: Model.Slot) => {
  const { f } = world
  if (assembled !== f && Model.isStored(f) && Model.isStored(assembled)) {
    checkMove(f, assembled)
    const parts = assembled.upload.kind._tag === "Final" ? assembled.upload.kind.parts : []
    const bytes = parts.map((part) => (part === id("a") ? world.a : world.b)).map((slot) =>
      Model.isStored(slot) && !slot.upload.isOpen ? slot.bytes : "?"
    )
    assert.strictEqual(assembled.bytes, bytes.join(""))
    assert.strictEqual(assembled.upload.offset, assembled.bytes.length)
  }
}

/** A HEAD tells the offset, or why there is none. */
export const checkHead = (world: Model.World, stored: Model.Stored, rules: Policy.Policy) => {
  const { completion, expiresAt, isFinal, isOpen, isPartial, kind, length, offset } = stored.upload
  const parts = kind._tag === "Final" ? kind.parts.map((part) => (part === id("a") ? world.a : world.b)) : []
  const expected = stored.upload.hasExpired(now)
    ? "410 UploadExpired"
    : completion._tag === "Rejected"
    ? "422 UploadRejected"
    : completion._tag === "Finishing"
    ? "423 Finishing"
    : isOpen && !parts.every(Model.isStored)
    ? "410 PartGone"
    : "told"
  const decision = Model.head(world, stored)
  assert.strictEqual(Either.match(decision, { onLeft: told, onRight: () => "told" }), expected)
  if (Either.isRight(decision)) {
    const known = isFinal && isOpen ? Option.orElse(length, () => total(parts)) : length
    const { headers, status } = TusDialect.encode({ reply: decision.right })
    assert.strictEqual(status, 200)
    assert.strictEqual(headers["cache-control"], "no-store")
    assert.strictEqual(headers["upload-offset"], isFinal && isOpen ? undefined : String(offset))
    assert.strictEqual(headers["upload-length"], Option.getOrUndefined(Option.map(known, String)))
    assert.strictEqual(headers["upload-defer-length"], isFinal || Option.isSome(known) ? undefined : "1")
    assert.strictEqual("upload-expires" in headers, Option.isSome(expiresAt))
    assert.strictEqual(Option.isSome(expiresAt), isOpen && !isFinal && Option.isSome(rules.expiresAfter))
    assert.strictEqual("upload-concat" in headers, isFinal || isPartial)
  }
}

/** Sending the rest from the current offset completes an upload: no upload is stuck. */
export const checkProgress = (before: Model.Stored, outcomes: ReadonlyArray<Model.Slot>) => {
  const { upload } = before
  if (upload.isOpen && !upload.isFinal && !upload.hasExpired(now) && upload.offset <= 2) {
    assert.isTrue(
      outcomes.some((slot) => Model.isStored(slot) && !slot.upload.isOpen),
      `nothing completes ${Model.keyOf(before)}`
    )
  }
}
