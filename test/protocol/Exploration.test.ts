import { assert, describe, it } from "@effect/vitest"
import { type Create, type Patch, type Policy, Refusal, Reply, Upload } from "effect-tus"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { id, now, uploadOf } from "./arbitraries.js"
import { told } from "./defects.js"
import * as Model from "./model.js"

/** What an upload may become by any single request to it, and how many requests there were. */
interface Local {
  readonly slots: ReadonlyArray<Model.Slot>
  readonly requests: number
}

/**
 * Every sequence of commands, to the end: states that were visited before are not entered again, and there are only so
 * many. What a request does to an upload is worked out once for each state of it: the rules see no other upload. Only a
 * final looks at others, so it is met with every combination of them.
 */
const explore = (rules: Policy.Policy) => {
  const interned = new Map<string, { readonly slot: Model.Slot; readonly number: number }>()
  const numbers = new Map<Model.Slot, number>()
  const locals = new Map<string, Local>()
  const answers = new Set<string>()
  const states = { Open: 0, Finishing: 0, Complete: 0, Rejected: 0 }
  let requests = 0

  /** One object for each state, so that a state that is left as it was is the same object. */
  const intern = (slot: Model.Slot): Model.Slot => {
    const key = Model.keyOf(slot)
    const known = interned.get(key)
    if (known !== undefined) {
      return known.slot
    }
    interned.set(key, { slot, number: interned.size })
    numbers.set(slot, interned.size)
    if (Model.isStored(slot)) {
      states[slot.upload.completion._tag]++
    }
    return slot
  }

  const alphabet = {
    a: { creations: Model.creationsOf("a"), patches: Model.patchesOf("a") },
    b: { creations: Model.creationsOf("b"), patches: Model.patchesOf("b") }
  }

  const note = ({ answer }: Model.Outcome) => {
    requests++
    answers.add(Option.match(answer, { onNone: () => "killed", onSome: (a) => Refusal.isRefusal(a) ? a._tag : "ok" }))
  }

  const work = (name: Model.Name, slot: Model.Slot): ReadonlyArray<Model.Slot> => {
    const { creations, patches } = alphabet[name === "b" ? "b" : "a"]
    if (slot === "Absent" && name !== "f") {
      return creations.map((letter) => {
        const outcome = Model.create(name, letter, rules)
        note(outcome)
        explained(() => JSON.stringify(letter), () => checkCreation(name, letter, outcome, rules))
        return intern(outcome.slot)
      })
    }
    if (!Model.isStored(slot)) {
      return []
    }
    checkState(name, slot, rules)
    if (name !== "f") {
      checkHead({ a: slot, b: slot, f: slot }, slot, rules)
    }
    const patched = patches.map((letter) => {
      const outcome = Model.patch(slot, letter, rules)
      note(outcome)
      explained(
        () => `${JSON.stringify(letter)} at ${Model.keyOf(slot)}`,
        () => checkPatch(slot, letter, outcome, rules)
      )
      return intern(outcome.slot)
    })
    const others = [Model.conclude(slot, true), Model.conclude(slot, false), Model.terminate(slot), Model.sweep(slot)]
    checkProgress(slot, patched)
    for (const next of others) {
      checkMove(slot, next)
    }
    return [...patched, ...others.map(intern)]
  }

  const local = (name: Model.Name, slot: Model.Slot): ReadonlyArray<Model.Slot> => {
    const key = `${name} ${numbers.get(slot)}`
    const known = locals.get(key)
    if (known !== undefined) {
      requests += known.requests
      return known.slots
    }
    const before = requests
    const slots = Array.from(new Set(work(name, slot))).filter((next) => next !== slot)
    locals.set(key, { slots, requests: requests - before })
    return slots
  }

  const successors = (world: Model.World): ReadonlyArray<Model.World> => {
    const assembled = Model.assemble(world, rules)
    checkAssembly(world, assembled)
    const finals = world.f === "Absent"
      ? Model.finals.map((names) => {
        const outcome = Model.concatenate(world, names, rules)
        note(outcome)
        checkFinal(world, names, outcome, rules)
        return outcome.slot
      })
      : [assembled]
    if (Model.isStored(world.f)) {
      checkHead(world, world.f, rules)
    }
    const later = { a: intern(Model.wait(world.a)), b: intern(Model.wait(world.b)), f: intern(Model.wait(world.f)) }
    return [
      later,
      ...local("a", world.a).map((a) => ({ ...world, a })),
      ...local("b", world.b).map((b) => ({ ...world, b })),
      ...local("f", world.f).map((f) => ({ ...world, f })),
      ...finals.map((f) => ({ ...world, f: intern(f) }))
    ]
  }

  const absent = intern("Absent")
  const seen = new Set<string>()
  let frontier: ReadonlyArray<Model.World> = [{ a: absent, b: absent, f: absent }]
  let depth = 0
  while (frontier.length > 0) {
    const next: Array<Model.World> = []
    for (const world of frontier) {
      for (const successor of successors(world)) {
        const key = `${numbers.get(successor.a)} ${numbers.get(successor.b)} ${numbers.get(successor.f)}`
        if (!seen.has(key)) {
          seen.add(key)
          next.push(successor)
        }
      }
    }
    frontier = next
    depth++
  }
  return { answers, depth, requests, states, uploads: interned.size, worlds: seen.size }
}

/** What failed, and on which request: told only then, for there are very many. */
const explained = (about: () => string, check: () => void) => {
  try {
    check()
  } catch (cause) {
    throw new Error(about(), { cause })
  }
}

/** What may never happen to an upload, whatever was asked for. */
const checkMove = (before: Model.Stored, next: Model.Slot) => {
  if (!Model.isStored(next)) {
    assert.strictEqual(next, "Gone")
    return
  }
  if (next === before) {
    return
  }
  const [from, to] = [before.upload, next.upload]
  assert.isAtLeast(to.offset, from.offset, "the offset decreases")
  assert.isTrue(next.bytes.startsWith(before.bytes), "bytes that counted are replaced")
  if (Option.isSome(from.length)) {
    assert.deepStrictEqual(to.length, from.length, "a set length changes")
  }
  if (!from.isOpen) {
    assert.strictEqual(next.bytes, before.bytes, "what is complete grows")
    assert.isTrue(
      to.completion._tag === from.completion._tag || from.completion._tag === "Finishing",
      "what is complete changes"
    )
  }
  for (const field of ["id", "kind", "metadata", "createdAt", "dialect"] as const) {
    assert.deepStrictEqual(to[field], from[field], `another ${field}`)
  }
}

/** What is true of every upload at any time. */
const checkState = (name: Model.Name, { bytes: stored, upload }: Model.Stored, rules: Policy.Policy) => {
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
  assert.strictEqual(Option.isSome(upload.expiresAt), upload.isOpen && Option.isSome(rules.expiresAfter))
  assert.isAtMost(upload.offset, Option.getOrElse(rules.maxSize, () => Infinity))
  assert.deepStrictEqual(Schema.decodeSync(Upload.Upload)(Schema.encodeSync(Upload.Upload)(upload)), upload)
}

/** What a request deserves, worked out in another way than the rules do. */
const expectation = (
  upload: Upload.Upload,
  letter: Model.Letter<Patch.Request | Create.Request>,
  declared: Option.Option<number>,
  claimed: number,
  rules: Policy.Policy
) => {
  const { arrives, check, ending, size, told } = letter
  const limit = Option.getOrElse(rules.maxSize, () => Infinity)
  const length = Option.orElse(upload.length, () => declared)
  const room = upload.isOpen ? Option.getOrElse(length, () => limit) - upload.offset : 0
  const reads = !check.endsWith("Trailer") || rules.extensions.includes("checksum-trailer")
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
    // What a process has committed before it is killed is never the whole.
    kept: ending === "Killed" && (full || check !== "None") ? 0 : kept,
    lawful,
    overruns: arrives > room
  }
}

const checkPatch = (
  before: Model.Stored,
  letter: Model.Letter<Patch.Request>,
  { answer, slot }: Model.Outcome,
  rules: Policy.Policy
) => {
  const { length: declared, offset: claimed } = letter.request
  const { accepted, kept, lawful } = expectation(before.upload, letter, declared, claimed, rules)
  assert(Model.isStored(slot))
  const { upload } = slot
  checkMove(before, slot)
  assert.strictEqual(upload.offset, before.upload.offset + kept)
  if (Option.isNone(answer)) {
    assert.strictEqual(upload.isOpen, before.upload.isOpen, "a checkpoint reports a full upload")
    return
  }
  const reply = answer.value
  assert.strictEqual(Refusal.isRefusal(reply), !accepted)
  if (Refusal.isRefusal(reply)) {
    if (!lawful || letter.check !== "None") {
      assert.strictEqual(slot, before, "a refused request changes something")
    }
    if (reply._tag === "Interrupted") {
      assert.strictEqual(reply.offset, upload.offset)
    }
    if (before.upload.isFinal && !before.upload.hasExpired(now)) {
      assert.strictEqual(reply.status, 403)
    }
    return
  }
  assert.deepStrictEqual(upload.length, Option.orElse(before.upload.length, () => declared))
  const { headers, status } = Reply.encode(reply)
  assert.strictEqual(status, 204)
  assert.strictEqual(headers["upload-offset"], String(claimed + letter.size))
  assert.strictEqual("upload-expires" in headers, upload.isOpen && Option.isSome(rules.expiresAfter))
}

const checkCreation = (
  name: "a" | "b",
  letter: Model.Letter<Create.Request>,
  { answer, slot }: Model.Outcome,
  rules: Policy.Policy
) => {
  const { concat, length } = letter.request
  const empty = Option.exists(length, (length) => length === 0)
  const fresh = uploadOf({ length, completion: empty ? { _tag: "Complete", at: now } : { _tag: "Open" } })
  const { accepted, kept, lawful, overruns } = expectation(fresh, letter, Option.none(), 0, rules)
  const reply = Option.getOrUndefined(answer)
  // Where the body was cut off the client is told how far it came; any other refusal creates nothing.
  const survives = accepted || letter.ending === "Killed" || (letter.ending === "Disconnected" && !overruns)
  assert.strictEqual(Model.isStored(slot), lawful && survives)
  if (!Model.isStored(slot)) {
    assert.isTrue(Refusal.isRefusal(reply))
    return
  }
  assert.strictEqual(slot.upload.id, id(name))
  assert.strictEqual(slot.upload.offset, kept)
  assert.deepStrictEqual(slot.upload.length, length)
  assert.strictEqual(slot.upload.isPartial, Option.isSome(concat))
  assert.strictEqual(letter.ending !== "Killed", reply !== undefined)
  assert.isTrue(reply === undefined || accepted === !Refusal.isRefusal(reply))
  if (reply !== undefined && !Refusal.isRefusal(reply)) {
    const { headers, status } = Reply.encode(reply)
    assert.strictEqual(status, 201)
    assert.strictEqual(headers["location"], `/files/${id(name)}`)
    assert.strictEqual(headers["upload-offset"], letter.request.withUpload ? String(kept) : undefined)
  }
}

const total = (parts: ReadonlyArray<Model.Slot>): Option.Option<number> =>
  Option.map(
    Option.all(parts.map((part) => Model.isStored(part) ? part.upload.length : Option.none())),
    (lengths) => lengths.reduce((sum, length) => sum + length, 0)
  )

const checkFinal = (
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
    assert.deepStrictEqual<unknown>(announced, length)
    assert.deepStrictEqual<unknown>(kind._tag === "Final" ? kind.parts : [], names.map(id))
  }
}

/** The whole is its parts, in the order asked for. */
const checkAssembly = (world: Model.World, assembled: Model.Slot) => {
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

/** A HEAD says where an upload stands, or why not. */
const checkHead = (world: Model.World, stored: Model.Stored, rules: Policy.Policy) => {
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
    const { headers, status } = Reply.encode(decision.right)
    assert.strictEqual(status, 200)
    assert.strictEqual(headers["cache-control"], "no-store")
    assert.strictEqual(headers["upload-offset"], isFinal && isOpen ? undefined : String(offset))
    assert.strictEqual(headers["upload-length"], Option.getOrUndefined(Option.map(known, String)))
    assert.strictEqual(headers["upload-defer-length"], isFinal || Option.isSome(known) ? undefined : "1")
    assert.strictEqual("upload-expires" in headers, Option.isSome(expiresAt))
    assert.strictEqual(Option.isSome(expiresAt), isOpen && Option.isSome(rules.expiresAfter))
    assert.strictEqual("upload-concat" in headers, isFinal || isPartial)
  }
}

/** Whoever sends the rest, from where the upload stands, completes it: nothing can be stuck. */
const checkProgress = (before: Model.Stored, outcomes: ReadonlyArray<Model.Slot>) => {
  const { upload } = before
  if (upload.isOpen && !upload.isFinal && !upload.hasExpired(now) && upload.offset <= 2) {
    assert.isTrue(
      outcomes.some((slot) => Model.isStored(slot) && !slot.upload.isOpen),
      `nothing completes ${Model.keyOf(before)}`
    )
  }
}

describe("Exploration", () => {
  it("every sequence of commands keeps every promise: with a hook, an expiry, trailers and a limit", () => {
    const { answers, depth, requests, states, uploads, worlds } = explore(Model.strict)
    console.log({ answers, depth, requests, states, uploads, worlds })
  })

  it("every sequence of commands keeps every promise: without any of them", () => {
    const { answers, depth, requests, states, uploads, worlds } = explore(Model.lax)
    console.log({ answers, depth, requests, states, uploads, worlds })
  })
})
