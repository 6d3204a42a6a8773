/**
 * A place for orphans beside bytes in memory.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { UploadId } from "../protocol/Upload.js"
import type { Look } from "./ByteStore.js"
import type { Orphan, Orphans } from "./Orphans.js"

export const make = <Bytes>(
  stored: Map<UploadId, Bytes>,
  look: (id: UploadId) => Effect.Effect<Option.Option<Look>>
): Orphans => {
  const aside = new Map<string, { readonly orphan: Orphan; readonly bytes: Bytes }>()
  let count = 0
  return {
    setAside: (id, since) =>
      Effect.map(look(id), (found) =>
        Option.flatMapNullable(found, (found): Orphan | undefined => {
          const bytes = stored.get(id)
          if (bytes === undefined) {
            return undefined
          }
          const orphan = {
            id,
            name: `${id}.${++count}`,
            since: DateTime.max(since, found.writtenAt),
            isIntact: true,
            location: Option.none(),
            ...found
          }
          aside.set(orphan.name, { orphan, bytes })
          stored.delete(id)
          return orphan
        })),
    list: Stream.suspend(() => Stream.fromIterable(Array.from(aside.values(), ({ orphan }) => orphan))),
    putBack: ({ id, name }) =>
      Effect.sync(() => {
        const found = aside.get(name)
        if (found === undefined || stored.has(id)) {
          return false
        }
        stored.set(id, found.bytes)
        return aside.delete(name)
      }),
    remove: ({ name }) => Effect.sync(() => aside.delete(name))
  }
}
