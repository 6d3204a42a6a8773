/**
 * States and bytes know each other: a registry that is new, empty or another one than that of the bytes would take all
 * of them for orphans. Such a pair is refused, and nothing is changed.
 */
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ByteStore } from "./ByteStore.js"
import * as Orphans from "./Orphans.js"
import { UploadRegistry } from "./UploadRegistry.js"
import type { UploadStoreError } from "./UploadStoreError.js"

/** The registry is not the one that these bytes are of. */
export class StoreMismatch extends Schema.TaggedError<StoreMismatch>("effect-tus/StoreMismatch")("StoreMismatch", {
  /** `New`: it knows nothing, and there are bytes. `Other`: the bytes were last told of another one, or of none. */
  registry: Schema.Literal("New", "Other"),
  /** Where the bytes are. */
  place: Schema.String
}) {
  override get message(): string {
    const found = this.registry === "New"
      ? `there are uploads in ${this.place}, and the database is new: it knows none of them`
      : `the database is not the one of ${this.place}`
    return `${found}; put the right one back, or a backup of it, or go on all the same with adopt: true, which sets aside, and does not remove, what this one does not name`
  }
}

/** Whether to go on with what does not belong together. */
export interface Options {
  /**
   * Makes bytes and states one that do not know each other: a new database, or another one, takes the bytes over. What
   * it does not name is set aside by the sweeper. A start refuses them by default.
   */
  readonly adopt?: boolean | undefined
}

/**
 * Sees to it that the registry and the bytes that are provided belong together. New ones are made known to each other,
 * in an order in which no crash and no power cut parts them: the registry remembers its name, the bytes are told it,
 * and it remembers that they were.
 */
export const pair = ({ adopt = false }: Options = {}): Effect.Effect<
  void,
  StoreMismatch | UploadStoreError,
  ByteStore | UploadRegistry
> =>
  Effect.gen(function*() {
    const registry = (yield* UploadRegistry).identity
    const store = yield* ByteStore
    const bytes = store.identity
    if (registry === undefined || bytes === undefined) {
      return
    }
    const [known, told] = [yield* registry.get, yield* bytes.get]
    const isSame = Option.isSome(known) && Option.contains(told, known.value.name)
    if (isSame && known.value.isTold) {
      return
    }
    const wanted = Stream.filter(store.list, ({ isCondemned = false }) => !isCondemned)
    const isEmpty = Effect.map(Stream.runHead(wanted), Option.isNone)
    const isExpected = isSame ||
      (Option.isNone(known)
        ? yield* isEmpty
        : !known.value.isTold && (Option.isNone(told) || (yield* isEmpty)))
    const mismatch = new StoreMismatch({ registry: Option.isNone(known) ? "New" : "Other", place: bytes.place })
    if (!isExpected && !adopt) {
      return yield* mismatch
    }
    if (!isExpected) {
      yield* Effect.logWarning(`${bytes.place} is taken over by another database; what that does not name is set aside`)
    }
    const name = Option.match(known, { onNone: newName, onSome: ({ name }) => name })
    yield* registry.set({ name, isTold: false })
    yield* bytes.set(name)
    yield* registry.set({ name, isTold: true })
  })

/** Whether nothing says that they do not belong together. */
export const isSound = (
  registry: UploadRegistry["Type"],
  bytes: ByteStore["Type"]
): Effect.Effect<boolean, UploadStoreError> =>
  registry.identity === undefined || bytes.identity === undefined
    ? Effect.succeed(true)
    : Effect.zipWith(
      registry.identity.get,
      bytes.identity.get,
      (known, told) =>
        Option.isNone(known) ? Option.isNone(told) : Option.contains(told, known.value.name) || !known.value.isTold
    )

/** A name that no other registry has. */
export const newName = (): string => Encoding.encodeHex(crypto.getRandomValues(new Uint8Array(16)))

/** What the registry names and was set aside is put back: before anybody asks, and is told that there are no bytes. */
const putBack: Effect.Effect<void, UploadStoreError, ByteStore | UploadRegistry> = Effect.flatMap(
  ByteStore,
  ({ orphans }) =>
    orphans === undefined
      ? Effect.void
      : Effect.flatMap(UploadRegistry, (registry) => Orphans.putBackNamed(orphans, registry))
)

/**
 * `pair`, before anything works on what is provided; then what was set aside and is named again is back in its place.
 */
export const layer = (
  options?: Options
): Layer.Layer<never, StoreMismatch | UploadStoreError, ByteStore | UploadRegistry> =>
  Layer.effectDiscard(Effect.zipRight(pair(options), putBack))
