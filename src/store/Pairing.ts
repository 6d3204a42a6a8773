/**
 * Registry and bytes know each other. A registry that is new, empty or another one would take all bytes for orphans, so
 * such a pair is refused, and nothing is changed.
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

/** These bytes belong to another registry. */
export class StoreMismatch extends Schema.TaggedError<StoreMismatch>("effect-tus/StoreMismatch")("StoreMismatch", {
  /** `New`: the registry is empty, and there are bytes. `Other`: the bytes name another registry, or none. */
  registry: Schema.Literal("New", "Other"),
  /** The location of the bytes. */
  place: Schema.String
}) {
  override get message(): string {
    const found = this.registry === "New"
      ? `there are uploads in ${this.place}, but the database is new and knows none of them`
      : `the database does not belong to ${this.place}`
    return `${found}; restore the right database or a backup of it, or continue with adopt: true, which sets aside, and never removes, bytes that this database does not name`
  }
}

/** Whether to accept a registry and bytes that do not belong together. */
export interface Options {
  /**
   * Accepts them: a new database, or another one, takes over the bytes. The sweeper sets aside the bytes that it does
   * not name. False by default: then the start is refused.
   */
  readonly adopt?: boolean | undefined
}

/**
 * Makes sure that the provided registry and bytes belong together. New ones get to know each other, in an order in
 * which no crash and no power cut separates them: the registry stores its name, the bytes store it, and the registry
 * stores that they have.
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
      yield* Effect.logWarning(
        `${bytes.place} is adopted by another database; bytes that it does not name are set aside`
      )
    }
    const name = Option.match(known, { onNone: newName, onSome: ({ name }) => name })
    yield* registry.set({ name, isTold: false })
    yield* bytes.set(name)
    yield* registry.set({ name, isTold: true })
  })

/** Whether nothing contradicts that they belong together. */
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

/** Puts back orphans that the registry names, before a request finds that the bytes are missing. */
const putBack: Effect.Effect<void, UploadStoreError, ByteStore | UploadRegistry> = Effect.flatMap(
  ByteStore,
  ({ orphans }) =>
    orphans === undefined
      ? Effect.void
      : Effect.flatMap(UploadRegistry, (registry) => Orphans.putBackNamed(orphans, registry))
)

/**
 * Runs `pair` before anything uses the registry and the bytes, and puts back orphans that a state names again.
 */
export const layer = (
  options?: Options
): Layer.Layer<never, StoreMismatch | UploadStoreError, ByteStore | UploadRegistry> =>
  Layer.effectDiscard(Effect.zipRight(pair(options), putBack))
