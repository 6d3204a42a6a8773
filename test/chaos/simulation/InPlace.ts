/**
 * Where the bytes of full uploads have to be: in the byte store, unless small ones stay in the registry. The
 * application finds them there when it hears of an upload, and as durable as was promised.
 */
import type { Upload, UploadRegistry } from "effect-tus"
import type { Story } from "./Story.js"
import type { World } from "./World.js"

type Id = Upload.UploadId
type Entry = UploadRegistry.StoredUpload

/** Whether no byte of a full upload has yet to move. */
export const hasMoved = ({ smallUploads }: Story, { stored, upload: { isOpen, offset } }: Entry): boolean =>
  isOpen || stored === offset || (smallUploads === "registry" && stored === 0)

/** Whether it is complete, and bytes of it are in the registry. */
export const isYetToMove = ({ stored, upload: { completion, offset } }: Entry): boolean =>
  completion._tag === "Complete" && stored < offset

/** Faults that leave no tail behind: it moves, if only later. */
const slow: ReadonlySet<string> = new Set(["slow disk", "slow database", "slow hook"])

/** After an answer: of other requests that are not answered each may have one more. */
export const checkWaiting = (world: World): void => {
  const { database, met, promises, story } = world
  const waiting = database.states.all().filter(isYetToMove).length
  const isKnown = story.smallUploads === "background" && Array.from(met).every((fault) => slow.has(fault))
  world.claim(
    !isKnown || waiting <= story.waitingTails + promises.unanswered,
    "P9",
    () => `${waiting} tails wait for their move, and ${story.waitingTails} may`
  )
}

/** Checks an upload of which the application hears now. */
export const check = ({ database, promises, sources, story }: World, id: Id, event: string): void => {
  const entry = database.states.get(id)
  if (entry !== undefined && !promises.damaged.has(id)) {
    const { stored, upload: { offset } } = entry
    const claim = (holds: boolean, promise: string, why: string) => promises.claim(holds, promise, id, why)
    claim(hasMoved(story, entry), "P9", `${event} while ${offset - stored} of its bytes have yet to move`)
    claim(sources.inByteStore(id).length >= stored, "P9", `${event} while its bytes are not in the byte store`)
    claim(
      story.durability === "process" || sources.isLasting(id, stored),
      "P2",
      `${event} while a power cut may take its bytes from the byte store`
    )
  }
}
