/**
 * `effect-tus admin orphans`: bytes that were set aside because no state names them.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ByteStore } from "../../store/ByteStore.js"
import type { Orphan } from "../../store/Orphans.js"
import * as Orphans from "../../store/Orphans.js"
import { UploadRegistry } from "../../store/UploadRegistry.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import { CommandError } from "../terminal/Failure.js"
import * as Size from "../terminal/Size.js"
import * as Time from "../terminal/Time.js"

const place = Effect.flatMap(ByteStore, ({ orphans }) => Effect.orDie(Effect.fromNullable(orphans)))

export const all = Stream.unwrap(Effect.map(place, ({ list }) => list))

/** The orphan with this name or id. Fails if several have the id. */
export const find = (text: string): Effect.Effect<Orphan, CommandError | UploadStoreError, ByteStore> =>
  Effect.gen(function*() {
    const found = Array.from(
      yield* Stream.runCollect(Stream.filter(all, ({ id, name }) => name === text || id === text))
    )
    const [first, ...others] = found
    if (first === undefined) {
      return yield* new CommandError({
        message: `no bytes of ${JSON.stringify(text)} were set aside; effect-tus admin orphans list shows what was`
      })
    }
    return others.length === 0 ? first : yield* new CommandError({
      message: `bytes of ${text} were set aside ${found.length} times: name one of ${
        found.map(({ name }) => name).join(", ")
      }`
    })
  })

/** Puts an orphan back if the state of its upload counts these bytes. A state is never invented for it. */
export const restore = (
  orphan: Orphan
): Effect.Effect<void, CommandError | UploadStoreError, ByteStore | UploadRegistry> =>
  Effect.gen(function*() {
    const refuse = (why: string) =>
      new CommandError({ message: `${orphan.name} is not restored: ${why}; use --to PATH to write a copy of it` })
    const entry = yield* Effect.flatMap(UploadRegistry, (registry) => registry.get(orphan.id))
    if (Option.isNone(entry)) {
      return yield* refuse("the database has no such upload")
    }
    const { upload } = entry.value
    const why = upload.offset === 0 ? Option.some("its upload counts no bytes") : Orphans.misfit(orphan, upload)
    if (Option.isSome(why)) {
      return yield* refuse(why.value)
    }
    const { putBack } = yield* place
    if (!(yield* putBack(orphan))) {
      return yield* refuse("its upload has bytes already")
    }
  })

export const remove = (orphan: Orphan) => Effect.flatMap(place, (orphans) => orphans.remove(orphan))

export const locationOf = ({ location, name }: Orphan): string => Option.getOrElse(location, () => name)

export const line = (orphan: Orphan, now: DateTime.Utc): string =>
  [
    orphan.name,
    Size.print(orphan.size),
    `written ${ago(orphan.writtenAt, now)}`,
    `set aside ${ago(orphan.since, now)}${orphan.isIntact ? "" : ", changed since"}`,
    locationOf(orphan)
  ].join("  ")

export const facts = ({ id, isIntact, location, name, since, size, writtenAt }: Orphan) => ({
  id,
  name,
  size,
  changed: !isIntact,
  written: DateTime.formatIso(writtenAt),
  since: DateTime.formatIso(since),
  location: Option.getOrNull(location)
})

const ago = (at: DateTime.Utc, now: DateTime.Utc) =>
  `${Time.words(DateTime.distanceDuration(at, DateTime.max(at, now)))} ago`
