/**
 * Removes a state, and then its bytes. What becomes of the bytes depends on who asks.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Upload, UploadId } from "../protocol/Upload.js"
import type { ByteStore } from "./ByteStore.js"
import type { RemoveOptions, StoredUpload, UploadRegistry } from "./UploadRegistry.js"
import type { Superseded, UploadStoreError } from "./UploadStoreError.js"

/** The conditions of a removal. */
export interface Removal extends Pick<RemoveOptions, "unlessNamed"> {
  /**
   * Who asks for the removal. `"client"`: if the process ends in between, the next one removes the rest of the bytes.
   * `"server"`: if there are more bytes than the state counts, they may belong to a newer state that the registry,
   * restored from an older copy, does not know; then all are set aside. By default neither applies.
   */
  readonly by?: "client" | "server" | undefined
}

interface Dependencies {
  readonly registry: UploadRegistry["Type"]
  readonly bytes: ByteStore["Type"]
  readonly durability: "process" | "completion" | "always"
  /** Called with the id once its state is gone. */
  readonly forget: (id: UploadId) => void
  readonly setAside: (id: UploadId, why: string) => Effect.Effect<boolean, UploadStoreError>
}

export const make = ({ bytes, durability, forget, registry, setAside }: Dependencies) => {
  const spare = (id: UploadId) => bytes.spare?.(id) ?? Effect.void

  /** Removes a state, after it has marked the bytes as unwanted, if the store has such marks. */
  const condemning = <E>(id: UploadId, remove: Effect.Effect<void, E>): Effect.Effect<void, E> =>
    bytes.condemn === undefined
      ? remove
      : Effect.zipRight(
        Effect.ignore(bytes.condemn(id)),
        Effect.tapErrorCause(remove, () => Effect.ignoreLogged(spare(id)))
      )

  /** The mark goes last: as long as there are bytes, they are known to be unwanted. */
  const removeCondemned = (id: UploadId, fence: number) =>
    Effect.zipRight(bytes.remove(id, fence), Effect.ignoreLogged(spare(id)))

  /** If there are more bytes than the state counted, all are set aside. */
  const removeCounted = ({ id, offset }: Upload, fence: number) =>
    Effect.flatMap(bytes.size(id), (size) =>
      Option.exists(size, (size) => size > offset)
        ? setAside(id, `are more than the ${offset} that its removed upload counted, and are set aside`)
        : bytes.remove(id, fence))

  /** If the state was durable, its removal has to be: after a power cut it would come back without its bytes. */
  const removeState = (entry: StoredUpload, unlessNamed: boolean | undefined) =>
    entry.version === 0 ? Effect.void : registry.remove(entry, {
      unlessNamed,
      fence: entry.fence,
      durable: durability === "always" || (durability === "completion" && !entry.upload.isOpen)
    })

  return (
    entry: StoredUpload,
    { by, unlessNamed }: Removal = {}
  ): Effect.Effect<void, Superseded | UploadStoreError> => {
    const { fence, upload: { id } } = entry
    const removed = removeState(entry, unlessNamed)
    return Effect.zipRight(
      by === "client" ? condemning(id, removed) : removed,
      Effect.suspend(() => {
        forget(id)
        return by === "server"
          ? Effect.asVoid(removeCounted(entry.upload, fence))
          : by === "client"
          ? removeCondemned(id, fence)
          : bytes.remove(id, fence)
      })
    )
  }
}
