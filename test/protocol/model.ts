/**
 * A server without network, disk and clock. It applies the rules, and nothing else, to two uploads of at most two
 * bytes, `a` and `b`, and to a final of them, `f`. The bytes of `a` are "abc", those of `b` are "xyz"; a corrupted byte
 * is "!".
 *
 * The clock stands still and the expiry moves towards it, so that states that differ only in their date are one state.
 */
import { assert } from "@effect/vitest"
import {
  Append,
  Concat,
  Create,
  Inspect,
  type Message,
  type Policy,
  Refusal,
  type Reply,
  Terminate,
  Transfer,
  TusDialect,
  Upload
} from "effect-tus"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { createHash } from "node:crypto"
import { id, now, policy } from "./arbitraries.js"

export type Name = "a" | "b" | "f"

/** An upload and the bytes that count for it. */
export interface Stored {
  readonly upload: Upload.Upload
  readonly bytes: string
}

/** What is at the URL of an upload. Ids are never reused, so an upload that is gone stays gone. */
export type Slot = Stored | "Absent" | "Gone"

export type World = { readonly [N in Name]: Slot }

export const isStored = (slot: Slot): slot is Stored => typeof slot === "object"

export const uploadOf = (slot: Slot): Option.Option<Upload.Upload> =>
  isStored(slot) ? Option.some(slot.upload) : Option.none()

export const contents = { a: "abc", b: "xyz" } as const

const tick = Duration.seconds(1)

/** With a hook, trailers, a limit, and an expiry after two ticks. */
export const strict: Policy.Policy = {
  ...policy,
  maxSize: Option.some(2),
  expiresAfter: Option.some(Duration.seconds(2)),
  algorithms: ["sha1"],
  finishes: true,
  seals: false
}

/** Without any of them. The limit only bounds uploads without a length. */
export const lax: Policy.Policy = {
  ...strict,
  maxSize: Option.some(3),
  expiresAfter: Option.none(),
  trailers: false,
  finishes: false,
  seals: false
}

/** How a body arrives, and what verifies it. */
export interface Arrival {
  readonly size: number
  readonly told: boolean
  readonly check: "None" | "Good" | "Bad" | "GoodTrailer" | "BadTrailer" | "NoTrailer"
  /** `Killed`: the process ends; what it has committed stays. */
  readonly ending: "Ended" | "Disconnected" | "Killed"
  readonly arrives: number
}

const sizes = [0, 1, 2] as const
const checks = ["None", "Good", "Bad", "GoodTrailer", "BadTrailer", "NoTrailer"] as const

const arrivals: ReadonlyArray<Arrival> = sizes.flatMap((size) =>
  [true, false].flatMap((told) =>
    checks.flatMap((check): ReadonlyArray<Arrival> => [
      { size, told, check, ending: "Ended", arrives: size },
      // In a chunked body the end itself may be missing. A process may be killed after the last byte.
      ...(check.startsWith("Bad") || check === "NoTrailer" ? [] : sizes.filter((n) => n <= size)).flatMap((arrives) => [
        ...(arrives < size || !told ? [{ size, told, check, ending: "Disconnected", arrives } as const] : []),
        { size, told, check, ending: "Killed", arrives } as const
      ])
    ])
  )
)

/** A request with its body. The headers were decoded as a door decodes them. */
export interface Letter<R> extends Arrival {
  readonly request: R
  readonly sent: string
  readonly trailers: Readonly<Record<string, string>>
}

const sha1 = (text: string) => `sha1 ${createHash("sha1").update(text).digest("base64")}`

const letter = <R>(
  decode: (raw: Message.RawRequest) => R,
  headers: Record<string, string>,
  content: string,
  arrival: Arrival
): Letter<R> => {
  const { check, size, told } = arrival
  const bad = check === "Bad" || check === "BadTrailer"
  const checksum = sha1(bad && size === 0 ? "?" : content.slice(0, size))
  const request = decode({
    method: "POST",
    url: "/files",
    headers: {
      "tus-resumable": "1.0.0",
      ...headers,
      ...(told ? { "content-length": String(size) } : { "transfer-encoding": "chunked" }),
      ...(check === "Good" || check === "Bad" ? { "upload-checksum": checksum } : {}),
      ...(check.endsWith("Trailer") ? { trailer: "Upload-Checksum" } : {})
    }
  })
  return {
    ...arrival,
    request,
    sent: bad ? "!".repeat(size) : content.slice(0, size),
    trailers: check === "GoodTrailer" || check === "BadTrailer" ? { "upload-checksum": checksum } : {}
  }
}

const decodePatch = (raw: Message.RawRequest): Append.Request => {
  const command = Either.getOrThrow(TusDialect.decode({ ...raw, method: "PATCH", url: `/files/${id("a")}` }, {}))
  return command._tag === "Append" ? command.request : assert.fail(command._tag)
}

const decodeCreate = (raw: Message.RawRequest): Create.Request => {
  const command = Either.getOrThrow(TusDialect.decode(raw, {}))
  return command._tag === "Create" ? command.request : assert.fail(command._tag)
}

const octets = { "content-type": "application/offset+octet-stream" }
const lengths: ReadonlyArray<Record<string, string>> = [
  ...sizes.map((size) => ({ "upload-length": String(size) })),
  { "upload-defer-length": "1" }
]

/** Every PATCH: with any offset, with or without a length, with any body. */
export const patchesOf = (name: "a" | "b"): ReadonlyArray<Letter<Append.Request>> =>
  sizes.flatMap((offset) =>
    [{}, ...sizes.map((size) => ({ "upload-length": String(size) }))].flatMap((declared) =>
      arrivals.map((arrival) =>
        letter(
          decodePatch,
          { ...octets, ...declared, "upload-offset": String(offset) },
          contents[name].slice(offset),
          arrival
        )
      )
    )
  )

/** Every POST except that of a final: whole or partial, with any length or none, with any body or none. */
export const creationsOf = (name: "a" | "b"): ReadonlyArray<Letter<Create.Request>> =>
  [{}, { "upload-concat": "partial" }].flatMap((kind) =>
    lengths.flatMap((length) => [
      letter(decodeCreate, { ...kind, ...length }, "", {
        size: 0,
        told: true,
        check: "None",
        ending: "Ended",
        arrives: 0
      }),
      ...arrivals.map((arrival) => letter(decodeCreate, { ...octets, ...kind, ...length }, contents[name], arrival))
    ])
  )

export const finals: ReadonlyArray<ReadonlyArray<"a" | "b">> = [["a", "b"], ["b", "a"], ["a", "a"], ["b"]]

const finalRequests = new Map(finals.map((names) => [
  names,
  decodeCreate({
    method: "POST",
    url: "/files",
    headers: {
      "tus-resumable": "1.0.0",
      "upload-concat": `final;${names.map((name) => `/files/${id(name)}`).join(" ")}`
    }
  })
]))

/** The result of a request. No answer if the process was killed. */
export interface Outcome {
  readonly slot: Slot
  readonly answer: Option.Option<Reply.Reply | Refusal.Refusal>
}

const answered = (slot: Slot, answer: Reply.Reply | Refusal.Refusal): Outcome => ({ slot, answer: Option.some(answer) })

/** Receives the bytes that the rules allow, and settles them. */
const receive = (stored: Stored, plan: Transfer.Plan, letter: Letter<unknown>, rules: Policy.Policy) => {
  const kept = letter.sent.slice(0, Math.min(letter.arrives, plan.room))
  const bytes = stored.bytes + kept
  const store = (upload: Upload.Upload): Stored =>
    upload === stored.upload ? stored : { upload, bytes: bytes.slice(0, upload.offset) }
  if (letter.ending === "Killed") {
    const checkpoint = Transfer.checkpoint(plan, kept.length, now, rules)
    return { stored: store(Option.getOrElse(checkpoint, () => plan.upload)), refusal: Option.none() }
  }
  const ending = letter.arrives > plan.room ? "Overrun" : letter.ending
  const verdict = ending === "Ended" ? verify(plan.verification, kept, letter, rules) : Either.void
  const { refusal, upload } = Transfer.settle(plan, { received: kept.length, ending, verdict }, now, rules)
  return { stored: store(upload), refusal }
}

const verify = (
  verification: Transfer.Verification,
  kept: string,
  { trailers }: Letter<unknown>,
  rules: Policy.Policy
): Either.Either<void, Refusal.Refusal> => {
  if (verification._tag === "None") {
    return Either.void
  }
  const checksum = verification._tag === "Before"
    ? Either.right(verification.checksum)
    : Transfer.announced(verification.read(trailers), rules)
  return Either.flatMap(checksum, (checksum) =>
    checksum.matches(createHash("sha1").update(kept).digest())
      ? Either.void
      : Either.left(new Refusal.ChecksumMismatch({ algorithm: checksum.algorithm })))
}

export const patch = (stored: Stored, letter: Letter<Append.Request>, rules: Policy.Policy): Outcome => {
  const plan = Append.decide(stored.upload, letter.request, now, rules)
  if (Either.isLeft(plan)) {
    return answered(stored, plan.left)
  }
  const { refusal, stored: next } = receive(stored, plan.right, letter, rules)
  return letter.ending === "Killed"
    ? { slot: next, answer: Option.none() }
    : answered(next, Option.getOrElse(refusal, () => Append.respond(next.upload)))
}

export const create = (name: "a" | "b", letter: Letter<Create.Request>, rules: Policy.Policy): Outcome => {
  const decision = Create.decide(letter.request, { id: id(name), now, parts: [] }, rules)
  if (Either.isLeft(decision)) {
    return answered("Absent", decision.left)
  }
  const { plan, upload } = decision.right
  const created: Stored = { upload, bytes: "" }
  const { refusal, stored: next } = Option.isSome(plan)
    ? receive(created, plan.value, letter, rules)
    : { stored: created, refusal: Option.none() }
  if (letter.ending === "Killed") {
    return { slot: next, answer: Option.none() }
  }
  // If the body was cut off, the client is told the offset. Any other refusal creates nothing.
  return Option.match(refusal, {
    onNone: () => answered(next, Create.respond(next.upload, "/files", letter.request)),
    onSome: (refusal) => answered(refusal._tag === "Interrupted" ? next : "Absent", refusal)
  })
}

/** Creates the final of the named parts, in this order. */
export const concatenate = (world: World, names: ReadonlyArray<"a" | "b">, rules: Policy.Policy): Outcome => {
  const request = finalRequests.get(names) ?? assert.fail("none of `finals`")
  const ids = request.kind._tag === "Final" ? request.kind.parts.map(({ id }) => id) : []
  const parts = ids.map((id) => partOf(world, id))
  const missing = ids.find((_, i) => Option.isNone(parts[i] ?? Option.none()))
  if (missing !== undefined) {
    return answered("Absent", new Refusal.UploadNotFound({ id: missing }))
  }
  const found = parts.flatMap(Option.toArray)
  return Either.match(Create.decide(request, { id: id("f"), now, parts: found }, rules), {
    onLeft: (refusal) => answered("Absent", refusal),
    onRight: ({ upload }) => answered({ upload, bytes: "" }, Create.respond(upload, "/files", request))
  })
}

const partOf = (world: World, part: Upload.UploadId): Option.Option<Upload.Upload> =>
  uploadOf(part === id("a") ? world.a : world.b)

const partsOf = (world: World, { kind }: Upload.Upload) =>
  kind._tag === "Final" ? kind.parts.map((part) => partOf(world, part)) : []

/** Assembles the final if all its parts are complete. */
export const assemble = (world: World, rules: Policy.Policy): Slot => {
  const { f } = world
  if (!isStored(f) || !f.upload.isOpen || f.upload.kind._tag !== "Final" || f.upload.hasExpired(now)) {
    return f
  }
  const assembly = Concat.assemblyOf(f.upload, partsOf(world, f.upload), rules)
  return assembly._tag !== "Ready" ? f : {
    upload: f.upload.fill(assembly.length, Transfer.completionOf(f.upload, now, rules)),
    bytes: f.upload.kind.parts.map((part) => part === id("a") ? world.a : world.b)
      .map((slot) => (isStored(slot) ? slot.bytes : "")).join("")
  }
}

/** The hook decides. */
export const conclude = (slot: Slot, accepted: boolean): Slot =>
  isStored(slot) && slot.upload.completion._tag === "Finishing"
    ? {
      ...slot,
      upload: slot.upload.fill(
        slot.upload.offset,
        accepted
          ? { _tag: "Complete", at: now, answer: Option.none() }
          : { _tag: "Rejected", status: 422, reason: "no" }
      )
    }
    : slot

export const terminate = (slot: Slot): Slot =>
  isStored(slot) && Either.isRight(Terminate.decide(slot.upload, now)) ? "Gone" : slot

/** An expired upload may be removed at any later time. */
export const sweep = (slot: Slot): Slot => isStored(slot) && slot.upload.hasExpired(now) ? "Gone" : slot

/** A tick passes: every expiry is a tick closer. */
export const wait = (slot: Slot): Slot => {
  if (!isStored(slot) || Option.isNone(slot.upload.expiresAt)) {
    return slot
  }
  const expiresAt = DateTime.max(DateTime.subtractDuration(slot.upload.expiresAt.value, tick), now)
  return { ...slot, upload: new Upload.Upload({ ...slot.upload, expiresAt: Option.some(expiresAt) }) }
}

export const head = (world: World, stored: Stored): Either.Either<Inspect.Inspected, Refusal.Refusal> =>
  Inspect.decide(stored.upload, stored.upload.isOpen ? partsOf(world, stored.upload) : [], now)

/** The key of a state. */
export const keyOf = (slot: Slot): string =>
  isStored(slot)
    ? JSON.stringify([
      slot.upload.id,
      slot.upload.kind,
      slot.upload.offset,
      Option.getOrNull(slot.upload.length),
      slot.upload.completion._tag,
      Option.getOrNull(Option.map(slot.upload.expiresAt, DateTime.toEpochMillis)),
      slot.bytes
    ])
    : slot
