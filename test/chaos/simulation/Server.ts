/**
 * One server process: the whole server except its sockets, on the simulated disk and database.
 */
import { ByteStore, Pairing, RegistryCache, Upload, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import { FileByteStore, NodeHashFunctions } from "effect-tus/node"
import { TusPolicy, TusServer, TusSweeper, TusSyncer, UploadEvents, UploadHooks, UploadIds } from "effect-tus/server"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Schedule from "effect/Schedule"
import * as TailMoves from "../../../src/server/verbs/TailMoves.js"
import { BrokenHook } from "./Application.js"
import type { Process } from "./Kernel.js"
import { currentOrigin } from "./Network.js"
import { directory } from "./Paths.js"
import * as Plant from "./Plant.js"
import type { World } from "./World.js"

export type Services =
  | ByteStore.ByteStore
  | TusServer.TusServer
  | UploadLock.UploadLock
  | UploadRegistry.UploadRegistry
  | UploadStore.UploadStore

export const layer = (world: World, process: Process): Layer.Layer<Services, unknown> => {
  const { plant, shared, story } = world
  const bytes = Plant.alter(
    ByteStore.ByteStore,
    shared === undefined ? FileByteStore.layer({ directory }) : shared.layerBytes(process),
    plant.bytes,
    world
  )
  const database = world.database.layer(process)
  // Only a process that is alone may cache. The cache is so small that entries are dropped.
  const registry = story.otherServers === "none"
    ? Layer.provide(RegistryCache.layer({ capacity: 4 }), database)
    : database
  const lock = shared === undefined || plant.locksAlone === true ? UploadLock.layerMemory : shared.layerLock(process)
  // Two servers at once are what the directory lock prevents.
  const pairing = story.otherServers === "at once" || shared !== undefined
    ? Layer.empty
    : Pairing.layer({ adopt: plant.adopts ?? world.operator.adopts })
  const background = shared === undefined ? Layer.merge(sweeper(world), syncer) : sweeper(world)
  return (world.isCalm ? Layer.empty : background).pipe(
    Layer.provideMerge(TusServer.layer),
    Layer.provideMerge(pairing),
    Layer.provideMerge(Plant.alter(UploadStore.UploadStore, UploadStore.layer, plant.store, world)),
    Layer.provideMerge(Plant.alter(UploadLock.UploadLock, lock, plant.lock, world)),
    Layer.provideMerge(Plant.alter(UploadRegistry.UploadRegistry, registry, plant.registry, world)),
    Layer.provideMerge(
      // What many write is checked where it takes effect.
      shared === undefined
        ? Plant.alter(ByteStore.ByteStore, bytes, (bytes) => world.writers.observe(bytes, process), world)
        : bytes
    ),
    Layer.provide(Layer.mergeAll(
      NodeHashFunctions.layer,
      Layer.succeed(TusPolicy.TusPolicy, { expiresAfter: story.expiresAfter }),
      Layer.succeed(UploadStore.Durability, story.durability),
      Layer.succeed(UploadStore.SmallUploads, plant.smallUploads ?? story.smallUploads),
      Layer.succeed(TailMoves.Limit, { items: plant.waitingTails ?? story.waitingTails, bytes: Infinity }),
      Layer.succeed(UploadHooks.UploadHooks, story.hooks ? { onComplete: world.application.hook(process) } : {}),
      Layer.succeed(UploadEvents.UploadEvents, world.application.listener(process)),
      Layer.succeed(UploadIds.UploadIds, { next: nextId(world) }),
      Logger.replace(Logger.defaultLogger, logger(world)),
      Logger.minimumLogLevel(LogLevel.Debug)
    ))
  )
}

const sweeper = ({ shared, story: { removeUsedPartials } }: World) =>
  TusSweeper.layer({
    schedule: Schedule.spaced("1 minute"),
    // Often, so that one server sweeps while another one that is paused creates an upload.
    orphanSchedule: Schedule.spaced(shared === undefined ? "7 minutes" : "20 seconds"),
    removeUsedPartials
  })

const syncer = TusSyncer.layer({ syncSchedule: Schedule.spaced("3 seconds") })

/** Readable ids for stories; they share two shards. */
const nextId = (world: World) =>
  Effect.sync(() => {
    const nth = ++world.ids
    const id = Upload.UploadId.make(`upload-${String(nth).padStart(13, "0")}-${nth % 2 === 0 ? "aa" : "bb"}`)
    world.sources.named(id, currentOrigin()?.task ?? -1)
    return id
  })

/** Fails the world on a logged defect, so that no bug is hidden. */
const logger = (world: World) =>
  Logger.make(({ cause, message }) => {
    world.note(() => `log: ${String(message)} ${Cause.isEmpty(cause) ? "" : Cause.pretty(cause)}`)
    claimNoDefect(world, cause)
    const defect = [message].flat().find((part) =>
      part instanceof Error && !("_tag" in part) && !(part instanceof BrokenHook)
    )
    world.claim(defect === undefined, "P0", () => `a defect: ${String(defect)}`)
  })

export const claimNoDefect = (world: World, cause: Cause.Cause<unknown>): void => {
  const defect = Chunk.findFirst(Cause.defects(cause), (defect) => !(defect instanceof BrokenHook))
  world.claim(defect._tag === "None", "P0", () => `a defect: ${Cause.pretty(cause)}`)
}
