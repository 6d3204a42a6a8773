/**
 * Handles orphans: bytes that no state names or counts. An orphan is removed only if it is proven that nobody can want
 * it: it is empty, it is an incomplete copy whose original exists, its client asked for its removal before the state
 * was removed, or the registry has all bytes of its upload. All other orphans are set aside.
 */
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { UploadId } from "../../protocol/Upload.js"
import { ByteStore, type Look, type Stored } from "../../store/ByteStore.js"
import * as Orphans from "../../store/Orphans.js"
import * as Pairing from "../../store/Pairing.js"
import { isBesideState } from "../../store/StoredUpload.js"
import { UploadLock } from "../../store/UploadLock.js"
import { UploadRegistry } from "../../store/UploadRegistry.js"
import { each } from "../verbs/Background.js"

/** How long a creation takes at most, also in a process that stands still, and with wrong clocks. */
const youth = Duration.days(1)

export const make = Effect.gen(function*() {
  const registry = yield* UploadRegistry
  const bytes = yield* ByteStore
  const lock = yield* UploadLock

  const setAside = Effect.fnUntraced(function*({ id }: Stored, look: Look) {
    const what = Orphans.describe({ id, ...look })
    if (bytes.orphans === undefined) {
      return yield* Effect.logWarning(
        `${what} are named by no state; this store cannot set them aside, and leaves them`
      )
    }
    const orphan = yield* bytes.orphans.setAside(id, yield* DateTime.now)
    return yield* Option.match(orphan, {
      onNone: () => Effect.void,
      onSome: ({ location, name }) =>
        Effect.logWarning(
          `${what} are named by no state, and set aside${
            Option.match(location, { onNone: () => ` as ${name}`, onSome: (location) => `: ${location}` })
          }`
        )
    })
  })

  /** Whether another process may be about to create its state. Such a process may stand still, and lose its lock. */
  const isYoung = ({ writtenAt }: Look) =>
    bytes.isShared === true
      ? Effect.map(DateTime.now, (now) => DateTime.greaterThan(DateTime.addDuration(writtenAt, youth), now))
      : Effect.succeed(false)

  /**
   * An orphan may be about to get a state: its writer, who holds the lock, writes the bytes before it creates the
   * state.
   */
  const explain = (stored: Stored) =>
    lock.withLockIfFree(
      stored.id,
      ({ fence }) =>
        Effect.uninterruptible(Effect.gen(function*() {
          const { id, isCondemned = false } = stored
          const look = yield* stored.look
          // Whoever moves its tail may stand still, and has lost its lock: it must not count what is removed here.
          const entry = yield* registry.claim(id, fence)
          const isNamed = Option.isSome(entry)
          if (Option.exists(entry, isBesideState)) {
            yield* bytes.remove(id, fence)
          }
          if (isCondemned) {
            yield* isNamed ? Effect.void : bytes.remove(id, fence)
            yield* bytes.spare?.(id) ?? Effect.void
          } else if (Option.isSome(look) && !isNamed && !(yield* isYoung(look.value))) {
            yield* look.value.size === 0 ? bytes.remove(id, fence) : setAside(stored, look.value)
          }
        }))
    )

  /** The uploads that are absent, or have all their bytes elsewhere: a server was killed before it counted these. */
  const uncounted = (ids: ReadonlyArray<UploadId>) =>
    Effect.zipWith(
      registry.absent(ids),
      registry.tails?.whole(ids) ?? Effect.succeed([]),
      (absent, whole) => new Set([...absent, ...whole])
    )

  /** Yields to waiting requests before each page. */
  const orphans = Stream.mapConcatEffect(Stream.grouped(bytes.list, 256), (page) =>
    Effect.map(
      Effect.zipRight(Effect.sleep(0), uncounted(Chunk.toReadonlyArray(Chunk.map(page, ({ id }) => id)))),
      (ids) => Chunk.filter(page, ({ id, isCondemned = false }) => isCondemned || ids.has(id))
    ))

  return {
    /** Whether the registry and the bytes belong together. If not, nothing is known of either. */
    isSound: Effect.tap(
      Pairing.isSound(registry, bytes),
      (isSound) =>
        isSound ? Effect.void : Effect.logError("the bytes are not those of the database: none are looked at")
    ),
    putBack: bytes.orphans === undefined
      ? Effect.void
      : Effect.ignoreLogged(Orphans.putBackNamed(bytes.orphans, registry)),
    setAside: each(orphans, explain),
    removeOld: (keep: Duration.DurationInput = "30 days") => {
      const place = bytes.orphans
      return place === undefined ? Effect.void : Effect.flatMap(DateTime.now, (now) =>
        each(
          Stream.filter(place.list, ({ since }) => DateTime.lessThan(DateTime.addDuration(since, keep), now)),
          (orphan) => remove(place, orphan)
        ))
    }
  }
})

/** An orphan that is not intact has been written to, so somebody may want it. */
const remove = (place: Orphans.Orphans, orphan: Orphans.Orphan) => {
  const since = DateTime.formatIso(orphan.since)
  return orphan.isIntact
    ? Effect.zipRight(
      place.remove(orphan),
      Effect.logWarning(`${Orphans.describe(orphan)} are removed: they were set aside at ${since}`)
    )
    : Effect.logWarning(`${Orphans.describe(orphan)} are not what was set aside at ${since}, and stay there`)
}
