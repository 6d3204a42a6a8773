/**
 * The end of a story: without any more faults, the server sweeps, and then a new process starts on what was left and
 * sweeps. Then every upload is complete, has an owner, or is gone.
 */
import type { UploadRegistry } from "effect-tus"
import { TusSweeper } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as InPlace from "./InPlace.js"
import { directory, identity, idOf, isAside, pathOf } from "./Paths.js"
import type { World } from "./World.js"

export const run = async (world: World): Promise<void> => {
  await swept(world)
  world.servers.replaceAll()
  await world.until(() => world.servers.running !== undefined, "a server starts")
  // Lets messages in flight arrive.
  await pass(world, 70_000)
  world.servers.shiftClocks(100 * 3_600_000)
  await sweep(world)
  // Lets background work of the sweep end.
  await pass(world, 110_000)
  if (world.story.otherServers !== "at once") {
    check(world)
    const host = world.servers.running
    await (host === undefined ? undefined : world.acknowledgedBytes.check(host))
  }
}

/** In two sweeps of the server that runs, whatever could not move before moves into the byte store. */
const swept = async (world: World): Promise<void> => {
  const { database, servers, story } = world
  const host = servers.running
  world.isCalm = true
  if (story.smallUploads === "background" && story.otherServers === "none" && host !== undefined) {
    await pass(world, 240_000)
    if (servers.running === host) {
      database.states.all().forEach((entry) => claimMoved(world, entry))
    }
  }
}

const claimMoved = (world: World, entry: UploadRegistry.StoredUpload): void =>
  world.claim(
    InPlace.hasMoved(world.story, entry),
    "P9",
    () => `the bytes of ${entry.upload.id} never move into the byte store`
  )

/** Whether a client may wait in vain, for bytes or a completion that a power cut was free to lose. */
export const mayBeIncomplete = ({ met, promises, story }: World): boolean =>
  promises.damaged.size > 0 || story.losses.length > 0 || story.otherServers === "at once" ||
  (story.durability === "process" && met.has("power cut"))

const pass = async (world: World, millis: number): Promise<void> => {
  let passed = false
  world.kernel.schedule(millis, () => {
    passed = true
  })
  await world.until(() => passed, "time passes")
}

const sweep = async (world: World): Promise<void> => {
  const host = world.servers.running
  let swept = false
  host?.process.fork(
    Effect.flatMap(TusSweeper.make, ({ sweep, sweepOrphans }) => Effect.zipRight(sweep(world.story), sweepOrphans())),
    () => {
      swept = true
    },
    host.runtime
  )
  await world.until(() => swept, "a sweep ends")
}

const unwritten = ["name error", "no space", "full disk", "read error", "failed write", "failed but written"] as const

const check = (world: World): void => {
  const { database: { states }, disk, promises: { damaged }, sources, story } = world
  for (const path of disk.files().filter((path) => path.startsWith(directory) && path !== identity)) {
    const id = idOf(path)
    const upload = states.get(id)?.upload
    // The leftover of an interrupted assembly is used up by the next one, or removed with its final.
    const isWaiting = upload?.isFinal === true && upload.isOpen
    // Bytes that no state names are set aside, and not lost.
    const isOwned = isAside(path) ||
      upload !== undefined && (path === pathOf(upload.id) || isWaiting || damaged.has(upload.id))
    world.claim(isOwned, "P1", () => `${path} is left behind`)
  }
  // A failed write may have lost the mark of a removal. Orphans that seem older than their state are not put back, and
  // stay aside.
  const isLate = story.losses.length > 0 && (world.met.has("clock ahead") || world.met.has("clock back"))
  if (!isLate && !unwritten.some((fault) => world.met.has(fault))) {
    for (const id of world.promises.terminated) {
      const isKept = disk.files().some((path) => isAside(path) && path.includes(id))
      world.claim(!isKept, "P1", () => `${id} is kept, which its client wants removed`)
    }
  }
  for (const entry of states.all()) {
    const { upload } = entry
    const { completion, id, isFinal, isOpen, offset } = upload
    const isThere = sources.stored(id).length >= offset || damaged.has(id)
    world.claim(isThere, "P1", () => `${id} is left behind without its bytes`)
    world.claim(!isOpen || isFinal || story.expiresAfter === undefined, "P7", () => `${id} outlives its time`)
    world.claim(completion._tag !== "Finishing", "P9", () => `${id} is never finished`)
    claimMoved(world, entry)
    world.promises.check(id)
  }
}
