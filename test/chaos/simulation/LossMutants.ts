/**
 * Bugs with bytes whose database is lost or restored from an older copy.
 */
import { type ByteStore, type Orphans, Upload, UploadRegistry } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Dice from "./Dice.js"
import type { LossFault } from "./Faults.js"
import type { Mutant, Mutants } from "./Mutants.js"
import type { Story } from "./Story.js"

/** Stories in which a database is lost in one of these ways and the server adopts what is there. */
const adopting = (...faults: ReadonlyArray<LossFault>) => ({ losses }: Story): boolean =>
  losses.some(({ mend, what }) => mend === "adopt" && (faults.length === 0 || faults.includes(what)))

/** Another database is adopted, and soon afterwards the former one. */
const returning = ({ seed }: Story): Partial<Story> => {
  const dice = Dice.make(seed, 19)
  const at = dice.between(0, 20_000)
  return {
    otherServers: "none",
    losses: [
      { what: dice.pick("lost database", "empty database", "other database"), at, mend: "adopt" },
      { what: "former database", at: at + dice.between(22_000, 60_000), mend: "adopt" }
    ]
  }
}

const altering = (
  change: (orphans: Orphans.Orphans, bytes: ByteStore.ByteStore["Type"]) => Partial<Orphans.Orphans>
): NonNullable<Mutant["bytes"]> =>
(bytes) => ({ ...bytes, orphans: bytes.orphans && { ...bytes.orphans, ...change(bytes.orphans, bytes) } })

export const losses: Mutants = {
  "deletes what no state names": {
    where: adopting(),
    bytes: altering((_, bytes) => ({
      setAside: (id) => Effect.as(Effect.orDie(bytes.remove(id, Infinity)), Option.none())
    }))
  },

  "keeps what its client wanted removed": {
    where: ({ tasks, troubles }) => troubles.length > 20 && tasks.some(({ plot }) => plot === "Terminate"),
    given: () => ({ likely: new Set(["crash"]) }),
    bytes: (bytes) => ({ ...bytes, condemn: () => Effect.void })
  },

  "loses a byte of what it sets aside": {
    where: adopting(),
    bytes: altering((orphans, bytes) => ({
      setAside: (id, since) =>
        Effect.zipRight(
          Effect.flatMap(bytes.size(id), (size) =>
            Effect.orDie(bytes.truncate(id, { at: Option.getOrElse(size, () => 1) - 1, fence: Infinity }))),
          orphans.setAside(id, since)
        )
    }))
  },

  "puts nothing back that is named again": {
    // Clocks are right: files are compared with states by time. One upload is complete while another goes on.
    where: ({ likely, tasks, troubles }) =>
      tasks.length > 1 && (troubles.length === 0 || !(likely.has("clock ahead") || likely.has("clock back"))),
    given: returning,
    bytes: altering(() => ({ putBack: () => Effect.succeed(false) }))
  },

  "removes with what has expired bytes of which an older database knows nothing": {
    where: (story) => adopting("older database")(story) && story.tasks.length > 1 && story.expiresAfter !== undefined,
    store: (store) => ({ ...store, remove: (entry) => store.remove(entry) })
  },

  "takes over the bytes of another database without being told to": {
    where: ({ losses }) => losses.length > 0,
    adopts: true
  },

  "forgets what it is called": {
    registry: (registry) => ({
      ...registry,
      identity: registry.identity && { ...registry.identity, set: () => Effect.void }
    })
  },

  "makes up a state for what is to be restored": {
    where: adopting("lost database", "empty database", "other database"),
    restore: (restore) => (orphan) =>
      Effect.flatMap(UploadRegistry.UploadRegistry, (registry) =>
        registry.create(
          Upload.Upload.of({
            id: orphan.id,
            kind: { _tag: "Whole" },
            offset: Upload.Bytes.make(orphan.size),
            length: Option.some(Upload.Bytes.make(orphan.size)),
            metadata: Option.none(),
            createdAt: orphan.since,
            expiresAt: Option.none(),
            expiryIsFixed: false,
            completion: { _tag: "Complete", at: orphan.since, answer: Option.none() },
            owner: Option.none(),
            dialect: "tus"
          }),
          { fence: 0, durable: true }
        )).pipe(Effect.ignore, Effect.zipRight(restore(orphan)))
  }
}
