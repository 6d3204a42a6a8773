/**
 * What is to happen in one world, worked out from a seed before anything does: how the server is set up, what clients
 * want of it, and at which steps something goes wrong.
 */
import * as Dice from "./Dice.js"
import { type Fault, faults, losses, type LossFault } from "./Faults.js"

/** What one client does. */
export interface Task {
  readonly nth: number
  readonly plot: "Upload" | "Pause" | "Terminate" | "EarlyFinal"
  readonly size: number
  /** Whether the source can be read again, or is a stream whose length is known from the start or only at the end. */
  readonly source: "again" | "known" | "unknown"
  readonly chunkSize: number | undefined
  readonly createWithUpload: number
  readonly checksum: "sha1" | "crc32c" | undefined
  readonly trailers: boolean
  readonly parallel: number
  /** Bytes that go out at a time, and the milliseconds between. */
  readonly piece: number
  readonly gap: number
  /** When the client begins. */
  readonly after: number
  /** What the completion hook says. */
  readonly verdict: "Accept" | "Refuse"
}

/** Another database is put in the place of the server's. */
export interface Loss {
  readonly what: LossFault
  readonly at: number
  /** What is done where the server refuses it: it is told to go on, or the right one comes back. */
  readonly mend: "adopt" | "put back"
}

export interface Story {
  readonly seed: number
  readonly durability: "process" | "completion" | "always"
  readonly registry: "memory" | "sql"
  readonly hooks: boolean
  readonly expiresAfter: number | undefined
  readonly removeUsedPartials: boolean
  /** A second server on the same store: not there, asked only while the first is not, or asked at the same time. */
  readonly twins: "none" | "in turn" | "at once"
  /** Which fiber runs next is a matter of chance. */
  readonly shuffled: boolean
  readonly tasks: ReadonlyArray<Task>
  readonly likely: ReadonlySet<Fault>
  /** The steps at which something goes wrong, in order. */
  readonly troubles: ReadonlyArray<number>
  /**
   * Whether the file system syncs directories; one that does not keeps their names all the same, as network drives do.
   */
  readonly syncsDirectories: boolean
  readonly losses: ReadonlyArray<Loss>
}

const minute = 60_000

export const fromSeed = (seed: number): Story => {
  const dice = Dice.make(seed)
  const rate = dice.pick(0, 0.004, 0.015, 0.04, 0.1)
  const horizon = dice.pick(100, 300, 1000)
  const tasks = dice.pick(1, 1, 1, 2, 3)
  const twins = dice.pick("none", "none", "none", "none", "none", "none", "in turn", "at once")
  return {
    seed,
    durability: dice.pick("process", "completion", "always"),
    registry: twins === "none" && dice.chance(1 / 12) ? "sql" : "memory",
    hooks: dice.chance(0.4),
    expiresAfter: dice.pick(undefined, 2 * minute, 10 * minute, 60 * minute),
    removeUsedPartials: dice.chance(0.5),
    twins,
    shuffled: dice.chance(0.3),
    tasks: Array.from({ length: tasks }, (_, nth) => taskFrom(nth, Dice.make(seed, nth))),
    likely: new Set(faults.filter(() => dice.chance(0.5))),
    troubles: Array.from({ length: horizon }, (_, step) => step).filter(() => dice.chance(rate)),
    syncsDirectories: dice.chance(0.9),
    losses: twins === "none" ? lossesFrom(Dice.make(seed, 17)) : []
  }
}

const lossesFrom = (dice: Dice.Dice): ReadonlyArray<Loss> =>
  Array.from({ length: dice.pick(0, 0, 0, 0, 1, 1, 2, 3) }, () => ({
    what: dice.pick(...losses),
    at: dice.between(0, dice.pick(200, 3000, 60_000, 10 * minute)),
    mend: dice.chance(0.7) ? "adopt" : "put back"
  }))

const taskFrom = (nth: number, dice: Dice.Dice): Task => {
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

/** The bytes of a task's source: no two of them alike, so that a piece is told by what is in it. */
export const bytesOf = (seed: number, { nth, size }: Task): Uint8Array => {
  const dice = Dice.make(seed, nth, size)
  return Uint8Array.from({ length: size }, () => dice.whole(0, 255))
}
