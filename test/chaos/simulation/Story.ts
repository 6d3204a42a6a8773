/**
 * The plan of one world, derived from a seed: the setup of the server, the wishes of the clients, and the steps at
 * which something fails.
 */
import * as Dice from "./Dice.js"
import { type Fault, faults, losses, type LossFault } from "./Faults.js"

/** The work of one client. */
export interface Task {
  readonly nth: number
  readonly plot: "Upload" | "Pause" | "Terminate" | "EarlyFinal"
  readonly size: number
  /** Whether the source can be read again, or is a stream whose length is known at the start or only at the end. */
  readonly source: "again" | "known" | "unknown"
  readonly chunkSize: number | undefined
  readonly createWithUpload: number
  readonly checksum: "sha1" | "crc32c" | undefined
  readonly trailers: boolean
  readonly parallel: number
  /** The bytes that are sent at a time, and the milliseconds in between. */
  readonly piece: number
  readonly gap: number
  /** When the client starts. */
  readonly after: number
  /** The answer of the completion hook. */
  readonly verdict: "Accept" | "Refuse"
}

/** The database of the server is replaced. */
export interface Loss {
  readonly what: LossFault
  readonly at: number
  /** What the operator does if the server refuses it: tell the server to adopt it, or put the right one back. */
  readonly mend: "adopt" | "put back"
}

/** An installation of several servers, which run at the same time. */
export interface Shared {
  readonly servers: 2 | 3
  /** The errors of the clocks of their machines in milliseconds, in order. */
  readonly skews: ReadonlyArray<number>
  /** Whether uploads have to be sealed before they can be read. */
  readonly seals: boolean
  /** Whether the byte store forgets the fences of what was removed. */
  readonly forgets: boolean
}

export const placements = ["byteStore", "registry", "background"] as const

export interface Story {
  readonly seed: number
  readonly durability: "process" | "completion" | "always"
  readonly registry: "memory" | "sql"
  /** Where small bodies go. */
  readonly smallUploads: (typeof placements)[number]
  /** How many tails may wait for their move at a time. */
  readonly waitingTails: number
  readonly hooks: boolean
  readonly expiresAfter: number | undefined
  readonly removeUsedPartials: boolean
  /**
   * Other servers on the same store: none, one that takes turns with the first, one that runs at the same time though
   * the store is for one, or some that share a database and a byte store which are for many.
   */
  readonly otherServers: "none" | "in turn" | "at once" | "sharing"
  /** What they share. */
  readonly shared?: Shared | undefined
  /** Whether the order of ready fibers is random. */
  readonly shuffled: boolean
  readonly tasks: ReadonlyArray<Task>
  readonly likely: ReadonlySet<Fault>
  /** The steps at which something fails, in order. */
  readonly troubles: ReadonlyArray<number>
  /** Whether the file system syncs directories. One that does not keeps entries anyway, as network drives do. */
  readonly syncsDirectories: boolean
  readonly losses: ReadonlyArray<Loss>
}

export const minute = 60_000

/** Each a third of the stories. */
export const placementOf = (seed: number): Story["smallUploads"] => placements[seed % 3] ?? "byteStore"

export const waitingTailsOf = (seed: number): number => Dice.make(seed, 41).pick(1, 1, 2, 1024)

export const fromSeed = (seed: number): Story => {
  const dice = Dice.make(seed)
  const rate = dice.pick(0, 0.004, 0.015, 0.04, 0.1)
  const horizon = dice.pick(100, 300, 1000)
  const tasks = dice.pick(1, 1, 1, 2, 3)
  const otherServers = dice.pick("none", "none", "none", "none", "none", "none", "in turn", "at once")
  const smallUploads = placementOf(seed)
  const moves = smallUploads === "background"
  return {
    seed,
    durability: dice.pick("process", "completion", "always"),
    registry: otherServers === "none" && dice.chance(1 / 12) ? "sql" : "memory",
    smallUploads,
    waitingTails: waitingTailsOf(seed),
    hooks: dice.chance(moves ? 0.2 : 0.4),
    expiresAfter: dice.pick(undefined, 2 * minute, 10 * minute, 60 * minute),
    removeUsedPartials: dice.chance(0.5),
    otherServers,
    shuffled: dice.chance(0.3),
    tasks: Array.from({ length: tasks }, (_, nth) => {
      const task = taskFrom(nth, Dice.make(seed, nth))
      return moves ? smaller(task, Dice.make(seed, nth, 37)) : task
    }),
    likely: new Set(faults.filter(() => dice.chance(0.5))),
    troubles: Array.from({ length: horizon }, (_, step) => step).filter(() => dice.chance(rate)),
    syncsDirectories: dice.chance(0.9),
    losses: otherServers === "none" ? lossesFrom(Dice.make(seed, 17)) : []
  }
}

const lossesFrom = (dice: Dice.Dice): ReadonlyArray<Loss> =>
  Array.from({ length: dice.pick(0, 0, 0, 0, 1, 1, 2, 3) }, () => ({
    what: dice.pick(...losses),
    at: dice.between(0, dice.pick(200, 3000, 60_000, 10 * minute)),
    mend: dice.chance(0.7) ? "adopt" : "put back"
  }))

export const taskFrom = (nth: number, dice: Dice.Dice): Task => {
  const plot = dice.pick("Upload", "Upload", "Upload", "Pause", "Terminate", "EarlyFinal")
  const size = dice.chance(0.05) ? 0 : dice.whole(1, dice.pick(50, 1000, 6000))
  return {
    nth,
    plot,
    size,
    source: plot === "Upload" ? dice.pick("again", "again", "known", "unknown") : "again",
    chunkSize: dice.pick(undefined, undefined, 400, 2000),
    createWithUpload: dice.pick(0, 300, 1024 * 1024),
    checksum: dice.pick(undefined, "sha1", "crc32c"),
    trailers: dice.chance(0.5),
    parallel: plot === "Upload" ? dice.pick(1, 1, 2, 3) : 1,
    piece: Math.ceil(Math.max(size, 64) / dice.pick(1, 5, 25)),
    gap: dice.pick(0, 0, 5, 400, 2500),
    after: dice.pick(0, 0, dice.between(0, 5000)),
    verdict: dice.chance(0.75) ? "Accept" : "Refuse"
  }
}

/** Most uploads are so small, and their bodies whole, that all bytes are in the registry until they are complete. */
export const smaller = (task: Task, dice: Dice.Dice): Task =>
  dice.chance(0.3) ? task : {
    ...task,
    plot: dice.pick("Upload", "Pause", "Terminate"),
    source: "again",
    size: dice.whole(1, 650),
    parallel: 1,
    trailers: false,
    piece: dice.pick(task.piece, 1000, 1000, 1000)
  }

/** The bytes of a task's source. No two pieces are equal, so each piece is recognizable. */
export const bytesOf = (seed: number, { nth, size }: Task): Uint8Array => {
  const dice = Dice.make(seed, nth, size)
  return Uint8Array.from({ length: size }, () => dice.whole(0, 255))
}
