import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { type Policy, Refusal } from "effect-tus"
import * as Option from "effect/Option"
import * as Moves from "../../src/protocol/Moves.js"
import * as Model from "./model.js"
import { isOfRules } from "./moves.js"
import * as Promises from "./promises.js"

/**
 * Explores every sequence of commands to its end. It ends because the number of states is finite and no state is
 * entered twice. The effect of a request on an upload is computed once per state of that upload: the rules see no other
 * upload. Only a final depends on other uploads, so it is tried with every combination of their states.
 */
const explore = (rules: Policy.Policy) => {
  const interned = new Map<string, Model.Slot>()
  const numbers = new Map<Model.Slot, number>()
  const answers = new Set<string>()
  const states = { Open: 0, Finishing: 0, Complete: 0, Rejected: 0 }
  const made = new Set<Moves.Move>()
  let requests = 0

  /** One object per state, so that an unchanged state is the same object. */
  const intern = (slot: Model.Slot): Model.Slot => {
    if (numbers.has(slot)) {
      return slot
    }
    const key = Model.keyOf(slot)
    const known = interned.get(key)
    if (known !== undefined) {
      return known
    }
    interned.set(key, slot)
    numbers.set(slot, numbers.size)
    if (Model.isStored(slot)) {
      states[slot.upload.completion._tag]++
    }
    return slot
  }

  const alphabet = {
    a: { creations: Model.creationsOf("a"), patches: Model.patchesOf("a") },
    b: { creations: Model.creationsOf("b"), patches: Model.patchesOf("b") },
    // A final takes no bytes, however they are sent.
    f: {
      creations: [],
      patches: Model.patchesOf("a").filter(({ check, ending }) => check === "None" && ending === "Ended")
    }
  }

  const note = ({ answer }: Model.Outcome) => {
    requests++
    answers.add(Option.match(answer, { onNone: () => "killed", onSome: (a) => (Refusal.isRefusal(a) ? a._tag : "ok") }))
  }

  /** Enters the next state, to which a legal move must lead. */
  const follow = (before: Model.Slot, next: Model.Slot): Model.Slot => {
    if (next !== before) {
      const move = Moves.between(Model.uploadOf(before), Model.uploadOf(next))
      made.add(Option.getOrThrowWith(move, () => new Error(`from ${Model.keyOf(before)} to ${Model.keyOf(next)}`)))
    }
    return intern(next)
  }

  const created = (name: "a" | "b") =>
    alphabet[name].creations.map((letter) => {
      const outcome = Model.create(name, letter, rules)
      note(outcome)
      explained(() => JSON.stringify(letter), () => Promises.checkCreation(name, letter, outcome, rules))
      return follow("Absent", outcome.slot)
    })

  const moved = (name: Model.Name, slot: Model.Stored) => {
    Promises.checkState(name, slot, rules)
    if (name !== "f") {
      Promises.checkHead({ a: slot, b: slot, f: slot }, slot, rules)
    }
    const patched = alphabet[name].patches.map((letter) => {
      const outcome = Model.patch(slot, letter, rules)
      note(outcome)
      explained(
        () => `${JSON.stringify(letter)} at ${Model.keyOf(slot)}`,
        () => Promises.checkPatch(slot, letter, outcome, rules)
      )
      return follow(slot, outcome.slot)
    })
    Promises.checkProgress(slot, patched)
    const others = [Model.conclude(slot, true), Model.conclude(slot, false), Model.terminate(slot), Model.sweep(slot)]
    for (const next of others) {
      Promises.checkMove(slot, next)
    }
    return [...patched, ...others.map((next) => follow(slot, next))]
  }

  /** The states that can follow without another upload: by any request, by the hook, by a sweep. */
  const locals = new Map<string, { readonly slots: ReadonlyArray<Model.Slot>; readonly requests: number }>()
  const local = (name: Model.Name, slot: Model.Slot): ReadonlyArray<Model.Slot> => {
    const key = `${name} ${numbers.get(slot)}`
    const known = locals.get(key)
    if (known !== undefined) {
      requests += known.requests
      return known.slots
    }
    const before = requests
    const all = Model.isStored(slot) ? moved(name, slot) : slot === "Absent" && name !== "f" ? created(name) : []
    const slots = Array.from(new Set(all)).filter((next) => next !== slot)
    locals.set(key, { slots, requests: requests - before })
    return slots
  }

  const waits = new Map<Model.Slot, Model.Slot>()
  const wait = (slot: Model.Slot): Model.Slot => {
    const later = waits.get(slot) ?? intern(Model.wait(slot))
    waits.set(slot, later)
    return later
  }

  const seen = new Set<number>()
  let next: Array<Model.World> = []
  const enter = (a: Model.Slot, b: Model.Slot, f: Model.Slot) => {
    const key = [a, b, f].reduce((key, slot) => key * 1000 + (numbers.get(slot) ?? Infinity), 0)
    if (!seen.has(key)) {
      seen.add(key)
      next.push({ a, b, f })
    }
  }

  const leave = (world: Model.World) => {
    const { a, b, f } = world
    enter(wait(a), wait(b), wait(f))
    local("a", a).forEach((a) => enter(a, b, f))
    local("b", b).forEach((b) => enter(a, b, f))
    local("f", f).forEach((f) => enter(a, b, f))
    if (f === "Absent") {
      for (const names of Model.finals) {
        const outcome = Model.concatenate(world, names, rules)
        note(outcome)
        Promises.checkFinal(world, names, outcome, rules)
        enter(a, b, follow(f, outcome.slot))
      }
    }
    if (Model.isStored(f)) {
      Promises.checkHead(world, f, rules)
      const assembled = Model.assemble(world, rules)
      Promises.checkAssembly(world, assembled)
      enter(a, b, follow(f, assembled))
    }
  }

  const absent = intern("Absent")
  enter(absent, absent, absent)
  let depth = 0
  while (next.length > 0) {
    const frontier = next
    next = []
    frontier.forEach(leave)
    depth++
  }
  return { answers, depth, made, requests, states, worlds: seen.size }
}

/** Adds the request to the error of a check. The text is built only then: there are millions of requests. */
const explained = (about: () => string, check: () => void) => {
  try {
    check()
  } catch (cause) {
    throw new Error(about(), { cause })
  }
}

const refusals = ["ChecksumMismatch", "Interrupted", "LengthConflict", "OffsetMismatch", "TooLarge", "UploadNotFound"]

describe("Exploration", () => {
  // A refusal costs mostly its stack trace, and there are millions of refusals.
  const { stackTraceLimit } = Error
  beforeAll(() => {
    Error.stackTraceLimit = 0
  })
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit
  })

  it("every sequence of commands keeps every promise, with a hook, an expiry, trailers and a limit", () => {
    const { answers, depth, made, requests, states, worlds } = explore(Model.strict)
    assert.isAtLeast(worlds, 10_000)
    assert.isAtLeast(requests, 20_000_000)
    assert.isAtLeast(depth, 9)
    assert.isTrue(Object.values(states).every((count) => count >= 20), JSON.stringify(states))
    assert.includeMembers(Array.from(answers), [
      "ok",
      "killed",
      "FinalUpload",
      "UploadExpired",
      "UploadRejected",
      ...refusals
    ])
    deepStrictEqual(Moves.moves.filter((move) => made.has(move)), Moves.moves.filter(isOfRules))
  }, 120_000)

  it("every sequence of commands keeps every promise, without any of them", () => {
    const { answers, depth, requests, states, worlds } = explore(Model.lax)
    assert.isAtLeast(worlds, 2_200)
    assert.isAtLeast(requests, 4_000_000)
    assert.isAtLeast(depth, 6)
    deepStrictEqual({ ...states, Open: 0, Complete: 0 }, { Open: 0, Finishing: 0, Complete: 0, Rejected: 0 })
    assert.includeMembers(Array.from(answers), ["ok", "killed", "FinalUpload", "InvalidRequest", ...refusals])
  }, 120_000)
})
