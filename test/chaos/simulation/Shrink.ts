/**
 * Finds the shortest story that breaks the same promise, by leaving out parts.
 */
import type { Plant } from "./Plant.js"
import { forgetting } from "./RootFibers.js"
import type { Story } from "./Story.js"
import { type Outcome, World } from "./World.js"

/** The most stories to try. */
const most = 400

export const shrink = async (story: Story, promise: string, plant: Plant = {}): Promise<[Story, Outcome]> => {
  let left = most

  const breaks = async (shorter: Story) => {
    const { broken } = left-- > 0 ? await forgetting(() => new World(shorter, { plant }).run()) : { broken: undefined }
    return broken?.promise === promise
  }

  /** Leaves out runs of `list`, long ones first, while the promise stays broken. */
  const without = async <A>(list: ReadonlyArray<A>, change: (list: ReadonlyArray<A>) => Story) => {
    let kept = list
    for (let size = kept.length; size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < kept.length;) {
        const fewer = [...kept.slice(0, at), ...kept.slice(at + size)]
        if (await breaks(change(fewer))) {
          kept = fewer
        } else {
          at += size
        }
      }
    }
    return change(kept)
  }

  let shortest = story
  for (const simpler of simplifications) {
    const next = { ...shortest, ...simpler }
    shortest = (await breaks(next)) ? next : shortest
  }
  shortest = await without(shortest.losses, (losses) => ({ ...shortest, losses }))
  shortest = await without(shortest.tasks, (tasks) => ({ ...shortest, tasks }))
  shortest = await without(shortest.troubles, (troubles) => ({ ...shortest, troubles }))
  return [shortest, await forgetting(() => new World(shortest, { plant, tells: true }).run())]
}

const simplifications: ReadonlyArray<Partial<Story>> = [
  { shuffled: false },
  { registry: "memory" },
  { otherServers: "none" },
  { hooks: false },
  { removeUsedPartials: false },
  { syncsDirectories: true },
  { expiresAfter: undefined }
]
