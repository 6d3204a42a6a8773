/**
 * The end of a story of several servers. Without any more faults each of them can lock each upload, and after two
 * sweeps every upload is complete, has an owner, or is gone, with all its bytes.
 */
import { UploadLock } from "effect-tus"
import { TusSweeper } from "effect-tus/server"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as InPlace from "../InPlace.js"
import type { Services } from "../Server.js"
import type { Host } from "../Servers.js"
import type { World } from "../World.js"
import type { Shared } from "./Shared.js"

/** More than the longest call and a lease take together, in milliseconds. */
const calm = 80_000

/** How long somebody may wait for a lock when nothing goes wrong. */
const patience = 60_000

export const run = async (world: World, shared: Shared): Promise<void> => {
  world.isCalm = true
  await world.until(() => world.servers.isComplete, "all servers run")
  await pass(world, calm)
  for (const { id, process } of shared.waitingFor(patience)) {
    world.claim(false, "P0", () => `${process.name} waits for ${id}, and nobody writes to it`)
  }
  for (const host of world.servers.all) {
    await runOn(world, host, "each upload is locked", locking(world))
  }
  world.servers.shiftClocks(100 * 3_600_000)
  for (const host of world.servers.all.slice(0, 2)) {
    await runOn(world, host, "a sweep ends", sweeping(world))
    await pass(world, 20_000)
  }
  check(world, shared)
}

const pass = async (world: World, millis: number): Promise<void> => {
  let passed = false
  world.kernel.schedule(millis, () => {
    passed = true
  })
  await world.until(() => passed, "time passes")
}

const runOn = async (
  world: World,
  { process, runtime }: Host,
  what: string,
  effect: Effect.Effect<void, unknown, Services>
): Promise<void> => {
  const { kernel } = world
  const since = kernel.now
  let ended = false
  process.fork(effect, (exit) => {
    ended = true
    if (exit._tag === "Failure") {
      world.claim(false, "P0", () => `in ${process.name} it fails that ${what}: ${Cause.pretty(exit.cause)}`)
    }
  }, runtime)
  await world.until(() => ended || kernel.now - since > calm, what)
  world.claim(ended, "P0", () => `in ${process.name} it never happens that ${what}`)
}

const locking = ({ database }: World) =>
  Effect.flatMap(UploadLock.UploadLock, ({ withLock }) =>
    Effect.forEach(
      database.states.all(),
      ({ upload: { id } }) =>
        Effect.timeoutFail(withLock(id, () => Effect.void), {
          duration: patience,
          onTimeout: () => new Error(`${id} is locked for ever`)
        }),
      { discard: true }
    ))

const sweeping = ({ story }: World) =>
  Effect.flatMap(TusSweeper.make, ({ sweep, sweepOrphans }) => Effect.zipRight(sweep(story), sweepOrphans()))

const check = (world: World, { bytes }: Shared): void => {
  const { database: { states }, promises, sources, story } = world
  for (const id of bytes.ids) {
    world.claim(states.get(id) !== undefined, "P1", () => `the bytes of ${id} are left behind`)
  }
  for (const entry of states.all()) {
    const { upload } = entry
    const { completion, id, isFinal, isOpen, offset } = upload
    world.claim(sources.stored(id).length >= offset, "P1", () => `${id} is left behind without its bytes`)
    world.claim(isOpen || sources.stored(id).length === offset, "P1", () => `${id} has more bytes than it counts`)
    world.claim(!isOpen || isFinal || story.expiresAfter === undefined, "P7", () => `${id} outlives its time`)
    world.claim(completion._tag !== "Finishing", "P9", () => `${id} is never finished`)
    world.claim(InPlace.hasMoved(story, entry), "P9", () => `the bytes of ${id} never move into the byte store`)
    promises.check(id)
  }
}
