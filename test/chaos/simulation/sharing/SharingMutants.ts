/**
 * Bugs of servers that share a database and a byte store.
 */
import { RegistryCache, type UploadRegistry } from "effect-tus"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import { isYetToMove } from "../InPlace.js"
import { epoch } from "../Kernel.js"
import { has, later, type Mutant, type Mutants, unfenced } from "../Mutants.js"
import { lease } from "./LockTable.js"

type Registry = UploadRegistry.UploadRegistry["Type"]

/** A claim that only reads: the fence becomes effective with the first commit. */
const readingOnly = (registry: Registry): Registry => ({
  ...registry,
  claim: (id, fence) => Effect.map(registry.get(id), Option.map((entry) => ({ ...entry, fence })))
})

const isMoving: NonNullable<Mutant["where"]> = ({ shared, smallUploads }) =>
  smallUploads === "background" && shared?.seals === false

const isSweeping = FiberRef.unsafeMake(false)

const sealing: Mutant["where"] = ({ shared }) => shared?.seals === true

export const sharing: Mutants = {
  "shares a store by the contracts of one process": {
    locksAlone: true,
    ignoresFence: () => true,
    registry: readingOnly
  },

  "locks out its own process only": {
    where: (story) => has("pause")(story) && story.troubles.length > 20 && story.shared?.servers === 3,
    locksAlone: true
  },

  "writes bytes without looking at the fence": { ignoresFence: (kind) => kind === "append" },

  "sweeps away the bytes of an upload that another server creates": {
    bytes: (bytes) => ({ ...bytes, isShared: undefined })
  },

  "sweeps away, without a claim, the bytes of a tail that another server moves": {
    // Pauses alone, and many: one has to come between a move and its commit.
    given: ({ troubles }) => ({ likely: new Set(["pause"]), troubles: Array.from(troubles, (_, nth) => 11 * nth) }),
    where: (story) => isMoving(story) && story.troubles.length > 4,
    lock: (lock) => ({
      ...lock,
      withLockIfFree: (id, use) => lock.withLockIfFree(id, (lease) => Effect.locally(use(lease), isSweeping, true))
    }),
    registry: (registry, { database }) => ({
      ...registry,
      claim: (id, fence) =>
        Effect.flatMap(FiberRef.get(isSweeping), (sweeps) => {
          const entry = database.states.get(id)
          return sweeps && entry !== undefined && isYetToMove(entry) ? registry.get(id) : registry.claim(id, fence)
        })
    })
  },

  "claims an upload with the first commit only": { registry: readingOnly },

  "commits without the fence": {
    where: has("pause"),
    database: unfenced
  },

  "remembers states that others change": { registry: (registry) => RegistryCache.make(registry, { capacity: 100 }) },

  "takes a write that took effect for one that came too late": { looksAgain: false },

  "creates again what another server may have removed": {
    // A server is paused between the two creations for so long that the upload expires.
    given: () => ({ likely: new Set(["lost result", "pause", "clock ahead"]) }),
    where: (story) => story.expiresAfter !== undefined && story.troubles.length > 20,
    createsAgain: true
  },

  "renews its lease by the clock of its machine": {
    where: has("crash"),
    leaseUntil: (process) => process.time - epoch + lease
  },

  "completes without sealing": {
    where: sealing,
    store: (store) => ({ ...store, secure: Effect.succeed })
  },

  "seals in the background": {
    where: sealing,
    bytes: (bytes) => ({ ...bytes, seal: (id, options) => later(bytes.seal?.(id, options) ?? Effect.void) })
  }
}
