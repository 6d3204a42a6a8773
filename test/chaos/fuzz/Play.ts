/**
 * Plays a story on a server, and compares every answer and everything stored with the reference.
 */
import { assert } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import type { Answer } from "../../support/exchange.js"
import * as Raw from "../../support/raw.js"
import type { Probe } from "./Probe.js"
import * as Reference from "./Reference.js"
import { type Ask, type Concat, limits, type Step, type Story } from "./Story.js"
import * as Wire from "./Wire.js"

const absent = "z".repeat(32)
const accepted: Readonly<Record<string, number>> = { OPTIONS: 204, POST: 201, HEAD: 200, PATCH: 204, DELETE: 204 }

/** Sends all requests of a story, and resolves with their number. */
export const play = async (probe: Probe, story: Story): Promise<number> => {
  let line: Raw.Client | undefined
  let world: Reference.World = []
  let asked = 0
  try {
    for (const step of story) {
      if (step._tag === "Expire") {
        world = await expire(probe, world, step)
      } else {
        line ??= await Raw.open(probe.port)
        const { isOpen, next } = await exchange(probe, line, world, step)
        line = isOpen ? line : undefined
        world = next
        asked++
      }
    }
  } finally {
    line?.destroy()
    await probe.clear()
  }
  return asked
}

const exchange = async (probe: Probe, line: Raw.Client, world: Reference.World, ask: Ask) => {
  const before = await Promise.all(world.map(({ id }) => probe.entry(id)))
  const id = probe.nextId()
  for (const packet of Wire.packets(ask, resolve(world, ask))) {
    await line.send(Buffer.from(packet, "latin1"))
  }
  if (ask.cut !== null) {
    line.socket.end()
  }
  const answer = await line.answer(ask.method)
  const { status } = answer

  const outcome = await agreeing(probe, world, ask, id, answer)
  assert.strictEqual(answer.headers["tus-resumable"], "1.0.0")
  assert.isUndefined(answer.headers["transfer-encoding"], "no length")
  if (status >= 400) {
    assert.strictEqual(answer.headers["content-type"], "text/plain; charset=utf-8")
    assert.match(ask.method === "HEAD" ? "a sentence\n" : answer.text, /^[^\n]{10,400}\n$/)
  } else {
    checkHeaders(outcome, ask, answer)
  }

  // A final is assembled after the answer that completes its last part.
  await Promise.all(outcome.world.map((known, i) => {
    const isSettled = known.life === "Gone" || !known.waits
    return world[i]?.waits === true && isSettled ? probe.settled(known.id) : undefined
  }))
  const after = await Promise.all(outcome.world.map(({ id }) => probe.entry(id)))
  outcome.world.forEach((known, i) => {
    if (known === world[i]) {
      deepStrictEqual(after[i], before[i], `the upload ${i} has changed`)
    } else {
      checkEntry(known, after[i])
    }
  })
  assert.strictEqual(await probe.count(), outcome.world.filter(({ life }) => life !== "Gone").length)

  const isOpen = answer.headers["connection"] !== "close" && !ask.long && ask.cut === null
  if (!isOpen) {
    // After the last answer there may be one more: a 400 for bytes that are no request.
    assert.match(await line.rest(), ask.long || ask.cut !== null ? /^$|^HTTP\/1.1 400 / : /^$/)
    line.destroy()
  }
  return { isOpen, next: outcome.world }
}

/** The expected outcome. If the request was cut off, any number of its bytes may have arrived. */
const agreeing = async (probe: Probe, world: Reference.World, ask: Ask, id: string, { status }: Answer) => {
  const verb = Reference.verbOf(ask)
  const arrived = ask.cut === null ? [null] : Array.from({ length: ask.cut + 1 }, (_, i) => i).toReversed()
  const outcomes = arrived.map((cut) => Reference.outcomeOf(world, { ...ask, cut }, id))
  for (const outcome of outcomes) {
    const upload = outcome.world[outcome.upload ?? -1]
    const stands = upload === undefined ? undefined : await probe.entry(upload.id)
    const wrongs = outcome.wrongs.length === 0 ? [accepted[verb]] : outcome.wrongs
    if (wrongs.includes(status) && (ask.cut === null || stands?.offset === upload?.bytes.length)) {
      return outcome
    }
  }
  const [{ wrongs }] = outcomes as [Reference.Outcome]
  return assert.fail(`expected ${wrongs.length === 0 ? accepted[verb] : wrongs.join(" or ")}, got ${status}`)
}

const resolve = (world: Reference.World, ask: Ask): Wire.Resolved => {
  const known = world[Reference.targetOf(world, ask.target) ?? -1]
  const { target } = ask
  return {
    path: target._tag === "Collection"
      ? "/files"
      : target._tag === "Path"
      ? target.path
      : `/files/${known?.id ?? absent}`,
    offset: typeof ask.offset === "number"
      ? [String(Reference.offsetOf(known?.bytes.length ?? 0, ask.offset))]
      : ask.offset.lines,
    concat: concatOf(world, ask.concat)
  }
}

const concatOf = (world: Reference.World, concat: Concat): ReadonlyArray<string> => {
  switch (concat._tag) {
    case "None":
      return []
    case "Partial":
      return ["partial"]
    case "Malformed":
      return [concat.line]
    case "Final":
      return [
        `final;${
          concat.parts.map((part) => `${concat.prefix}${world[part < 0 ? part : part % world.length]?.id ?? absent}`)
            .join(" ")
        }`
      ]
  }
}

/** The headers of the answer to an accepted request. */
const checkHeaders = ({ upload, world }: Reference.Outcome, ask: Ask, { headers }: Answer) => {
  const verb = Reference.verbOf(ask)
  const known = world[upload ?? -1]
  const told = (name: string) => headers[name]
  if (verb === "OPTIONS") {
    assert.strictEqual(told("tus-version"), "1.0.0")
    assert.strictEqual(told("tus-max-size"), String(limits.maxSize))
  } else if (known !== undefined) {
    const isOpen = !known.waits && !Reference.isComplete(known)
    const tells = verb !== "POST" || ask.contentType.means === true
    assert.strictEqual(told("upload-offset"), known.waits || !tells ? undefined : String(known.bytes.length))
    assert.strictEqual(told("upload-expires") !== undefined, isOpen)
    assert.strictEqual(told("location"), verb === "POST" ? `/files/${known.id}` : undefined)
    if (verb === "HEAD") {
      const length = known.waits ? Reference.sumOf(world, known.parts) : known.length
      assert.strictEqual(told("upload-length"), length === null ? undefined : String(length))
      assert.strictEqual(told("upload-defer-length"), length === null && !known.waits ? "1" : undefined)
      assert.strictEqual(told("upload-metadata"), known.metadata ?? undefined)
      assert.strictEqual(
        told("upload-concat")?.slice(0, 5),
        { Whole: undefined, Partial: "parti", Final: "final" }[known.kind]
      )
      assert.strictEqual(told("cache-control"), "no-store")
    }
  }
}

const checkEntry = (known: Reference.Known, entry: Awaited<ReturnType<Probe["entry"]>>) => {
  if (known.life === "Gone") {
    assert.isUndefined(entry, "what is gone is still there")
    return
  }
  const { bytes, kind, metadata } = known
  const { isOpen, length, ...stored } = entry ?? assert.fail("what was created is not there")
  deepStrictEqual(stored, { bytes, kind, metadata, offset: bytes.length, version: stored.version })
  assert.strictEqual(isOpen, !Reference.isComplete(known))
  assert.isTrue(known.waits || length === known.length, `the length is ${length}`)
}

/** Only an unfinished upload can expire. */
const expire = async (
  probe: Probe,
  world: Reference.World,
  { upload }: Exclude<Step, Ask>
): Promise<Reference.World> => {
  const index = world.length === 0 ? 0 : upload % world.length
  const known = world[index]
  if (known === undefined || known.life !== "Live" || known.kind === "Final" || Reference.isComplete(known)) {
    return world
  }
  await probe.expire(known.id)
  return world.map((one, i) => (i === index ? { ...one, life: "Expired" } : one))
}
