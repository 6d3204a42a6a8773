/**
 * Bugs in states, and in who may change them.
 */
import { Upload, type UploadRegistry } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { expiring, has, later, type Mutants, nobody, unfenced } from "./Mutants.js"
import { currentOrigin } from "./Network.js"
import type { Story } from "./Story.js"
import type { World } from "./World.js"

/** Stories in which a writer often meets another one: where a final is assembled, by a request and by a sweeper. */
const meeting = ({ tasks, otherServers }: Story): boolean =>
  otherServers === "at once" && tasks.length > 1 &&
  tasks.some(({ parallel, plot }) => parallel > 1 || plot === "EarlyFinal")

export const states: Mutants = {
  "answers before the state is committed": {
    store: (store) => ({
      ...store,
      commit: (entry, upload, tail) =>
        Effect.as(later(store.commit(entry, upload, tail)), { ...entry, upload, version: entry.version + 1 })
    })
  },

  "does not say which states have to last": {
    registry: (registry) => ({
      ...registry,
      commit: (entry, next, options) => registry.commit(entry, next, { ...options, durable: false })
    })
  },

  "says that bytes are synced before they are": {
    where: has("power cut"),
    registry: (registry) => ({
      ...registry,
      commit: (entry, next, options) => registry.commit(entry, next, { ...options, synced: next.offset })
    })
  },

  "sets nothing back when a sync has failed": {
    where: ({ durability, troubles }) => durability !== "process" && troubles.length > 20,
    given: () => ({ likely: new Set(["sync error"]) }),
    registry: (registry) => ({
      ...registry,
      commit: (entry, next, options) =>
        registry.commit(entry, next.offset < entry.upload.offset ? entry.upload : next, options)
    })
  },

  "takes another boot for the same": {
    where: has("power cut"),
    given: () => ({ registry: "sql" }),
    boot: () => "always the same"
  },

  "commits without the fence": {
    where: meeting,
    database: unfenced
  },

  "commits without looking at the version": {
    where: meeting,
    database: (registry) => ({
      ...registry,
      commit: (entry, next, options) =>
        Effect.catchTag(
          registry.commit(entry, next, options),
          "Superseded",
          (error) =>
            Effect.flatMap(
              registry.get(entry.upload.id),
              (stored) => Option.isSome(stored) ? registry.commit(stored.value, next, options) : error
            )
        )
    })
  },

  "begins with the first fence again": {
    where: has("crash", "power cut"),
    registry: (registry) => ({ ...registry, lastFence: Effect.succeed(0) })
  },

  "locks nobody out": {
    lock: (lock) => ({ ...lock, withLock: (_, use) => lock.withLock(nobody(), use) })
  },

  "sweeps under a writer": {
    where: ({ expiresAfter, hooks }) => hooks || expiresAfter !== undefined,
    lock: (lock) => ({ ...lock, withLockIfFree: (_, use) => Effect.asSome(lock.withLock(nobody(), use)) })
  },

  "sweeps what is complete": {
    registry: (registry, world) => ({
      ...registry,
      expired: (now, { after, limit }) =>
        Effect.map(all(world, { limit, after: after?.id }), (ids) => ids.map((id) => ({ id, expiresAt: now })))
    }),
    install: expiring((hasExpired, { completion }) => hasExpired || completion._tag === "Complete")
  },

  "sweeps parts that are still needed": {
    where: ({ removeUsedPartials }) => removeUsedPartials,
    registry: (registry, world) => ({ ...registry, consumedParts: (page) => all(world, page) })
  },

  "takes bytes for what has expired": {
    where: has("clock ahead"),
    install: expiring((hasExpired) => hasExpired && currentOrigin()?.request.method !== "PATCH")
  },

  "changes a length that was deferred": {
    store: (store) => ({
      ...store,
      commit: (entry, next, tail) =>
        store.commit(
          entry,
          Option.isSome(entry.upload.length) && next.isOpen && next.offset > entry.upload.offset
            ? next.grow(0, Option.some(Upload.Bytes.make(entry.upload.length.value + 1)), next.expiresAt)
            : next,
          tail
        )
    })
  }
}

const all = ({ database }: World, { after, limit }: UploadRegistry.Page) =>
  Effect.sync(() =>
    database.states.all()
      .map(({ upload }) => upload.id)
      .filter((id) => after === undefined || id > after)
      .toSorted()
      .slice(0, limit)
  )
