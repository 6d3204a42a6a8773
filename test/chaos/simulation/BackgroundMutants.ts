/**
 * Bugs in how the bytes of small uploads move into the byte store after their clients were answered.
 */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { isYetToMove } from "./InPlace.js"
import { has, type Mutant, type Mutants, nobody } from "./Mutants.js"
import { currentOrigin } from "./Network.js"
import type { Story } from "./Story.js"

const isMoving = FiberRef.unsafeMake(false)

const unlessMoving = <A, E>(act: Effect.Effect<A, E>, instead: Effect.Effect<A, E>) =>
  Effect.flatMap(FiberRef.get(isMoving), (moves) => moves ? instead : act)

const moving = (where: (story: Story) => boolean = () => true): NonNullable<Mutant["where"]> => (story) =>
  story.smallUploads === "background" && where(story)

export const background: Mutants = {
  "drops a tail before its file is synced": {
    where: moving(({ durability }) => durability !== "process"),
    store: (store) => ({ ...store, moveTail: (entry) => Effect.locally(store.moveTail(entry), isMoving, true) }),
    bytes: (bytes) => ({ ...bytes, sync: (id) => unlessMoving(bytes.sync?.(id) ?? Effect.void, Effect.void) }),
    registry: (registry) => ({
      ...registry,
      commit: (entry, next, options) =>
        unlessMoving(
          registry.commit(entry, next, options),
          registry.commit(entry, next, { ...options, synced: entry.stored })
        )
    })
  },

  "tells of a completion before the bytes have moved": {
    where: moving(({ hooks }) => !hooks),
    store: (store, { application, kernel }) => ({
      ...store,
      commit: (entry, next, tail) =>
        Effect.tap(store.commit(entry, next, tail), (entry) =>
          isYetToMove(entry) && kernel.current !== undefined
            ? application.listener(kernel.current).publish({
              _tag: "Completed",
              upload: entry.upload,
              location: Option.none()
            })
            : Effect.void)
    })
  },

  "tells of a completion although the bytes could not move": {
    where: moving(has("failed write", "write error", "no space", "sync error")),
    store: (store) => ({
      ...store,
      moveTail: (entry) =>
        Effect.orElseSucceed(store.moveTail(entry), () => ({ ...entry, stored: entry.upload.offset }))
    })
  },

  "moves a tail without the lock": {
    where: moving(({ tasks, troubles }) => troubles.length > 10 && tasks.some(({ plot }) => plot === "Terminate")),
    given: () => ({ likely: new Set(["slow disk"]) }),
    lock: (lock, { database }) => ({
      ...lock,
      withLock: (id, use) => {
        const entry = database.states.get(id)
        const moves = entry !== undefined && isYetToMove(entry) && currentOrigin() === undefined
        return lock.withLock(moves ? nobody() : id, use)
      }
    })
  },

  "forgets the tails that a killed server has left": {
    where: moving(has("crash", "power cut")),
    registry: (registry) => ({
      ...registry,
      tails: registry.tails && { ...registry.tails, complete: () => Effect.succeed([]) }
    })
  },

  "leaves to the next start what could not move": {
    where: moving(has("failed write", "write error", "no space", "full disk", "sync error")),
    store: (store, { database }) => {
      let starts = true
      return {
        ...store,
        pending: Stream.suspend(() => {
          const isStart = starts
          starts = false
          return Stream.filter(store.pending, (id) => {
            const entry = database.states.get(id)
            return isStart || entry === undefined || !isYetToMove(entry)
          })
        })
      }
    }
  },

  "lets any number of tails wait": {
    // Some small uploads at once, on a slow disk.
    where: moving(({ hooks, troubles, waitingTails }) => !hooks && waitingTails === 1 && troubles.length > 20),
    given: ({ tasks: [first], seed }) => ({
      likely: new Set(["slow disk"]),
      troubles: Array.from({ length: 200 }, (_, nth) => nth),
      losses: [],
      tasks: first === undefined ? [] : [0, 1, 2].map((nth) => ({
        ...first,
        nth,
        plot: "Upload",
        source: "again",
        size: 100 + (seed + nth) % 50,
        parallel: 1,
        after: 0,
        gap: 0,
        piece: 1000,
        createWithUpload: 1024
      }))
    }),
    waitingTails: Infinity
  },

  "asks the hook while the bytes are in the registry": {
    where: moving(({ hooks }) => hooks),
    smallUploads: "registry",
    store: (store) => ({ ...store, isYetToMove })
  }
}
