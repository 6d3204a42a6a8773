/**
 * The plans of worlds in which two or three servers run at the same time on one database and one byte store. Any of
 * them may be paused between two steps for up to two minutes, or killed, and every call to what they share may fail.
 */
import * as Dice from "../Dice.js"
import { sharedFaults } from "../Faults.js"
import { minute, placementOf, smaller, type Story, type Task, taskFrom, waitingTailsOf } from "../Story.js"

/** Most bodies last so long that a server can be paused, and its lease run out, while it writes one. */
const longer = (task: Task, dice: Dice.Dice): Task =>
  dice.chance(0.2) ? task : {
    ...task,
    plot: dice.pick(task.plot, "Pause"),
    source: "again",
    parallel: 1,
    size: dice.whole(200, 4000),
    chunkSize: dice.pick(undefined, undefined, 1000),
    checksum: dice.chance(0.7) ? undefined : task.checksum,
    piece: dice.whole(20, 200),
    gap: dice.pick(50, 400, 1500)
  }

export const fromSeed = (seed: number): Story => {
  const dice = Dice.make(seed, 31)
  const rate = dice.pick(0, 0.004, 0.015, 0.04, 0.1)
  const horizon = dice.pick(200, 600, 2000)
  const tasks = dice.pick(1, 1, 2, 3)
  const servers = dice.pick(2, 2, 3)
  const smallUploads = placementOf(seed)
  const moves = smallUploads === "background"
  return {
    seed,
    durability: "always",
    registry: "memory",
    smallUploads,
    waitingTails: waitingTailsOf(seed),
    hooks: dice.chance(0.4),
    expiresAfter: dice.pick(undefined, 10 * minute, 60 * minute),
    removeUsedPartials: dice.chance(0.5),
    otherServers: "sharing",
    shared: {
      servers,
      skews: Array.from({ length: servers }, () => dice.pick(0, 0, 0, 0, dice.whole(-90, 90) * minute)),
      // A store that seals gets all bytes before an upload is complete.
      seals: dice.chance(moves ? 0.2 : 0.6),
      forgets: dice.chance(0.5)
    },
    shuffled: dice.chance(0.3),
    tasks: Array.from({ length: tasks }, (_, nth) => {
      const task = longer(taskFrom(nth, Dice.make(seed, nth, 31)), dice)
      return moves ? smaller(task, Dice.make(seed, nth, 37)) : task
    }),
    likely: new Set(sharedFaults.filter((fault) => dice.chance(fault === "pause" ? 0.8 : 0.5))),
    troubles: Array.from({ length: horizon }, (_, step) => step).filter(() => dice.chance(rate)),
    syncsDirectories: true,
    losses: []
  }
}
