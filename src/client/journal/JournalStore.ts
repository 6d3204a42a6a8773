/**
 * Stores for the entries of a journal: memory and localStorage. They know nothing about entries.
 */
import { type PlatformError, SystemError } from "@effect/platform/Error"
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** A KeyValueStore that can list its keys. */
export interface JournalStore {
  readonly store: KeyValueStore.KeyValueStore
  readonly keys: Effect.Effect<ReadonlyArray<string>, PlatformError>
}

export const memory: Effect.Effect<JournalStore> = Effect.sync(() => {
  const values = new Map<string, string>()
  return {
    store: KeyValueStore.makeStringOnly({
      get: (key) => Effect.sync(() => Option.fromNullable(values.get(key))),
      set: (key, value) => Effect.sync(() => values.set(key, value)),
      remove: (key) => Effect.sync(() => values.delete(key)),
      clear: Effect.sync(() => values.clear()),
      size: Effect.sync(() => values.size)
    }),
    keys: Effect.sync(() => Array.from(values.keys()))
  }
})

/** Keeps nothing if there is no localStorage, which is looked up at each use. */
export const localStorage: Effect.Effect<JournalStore> = Effect.sync(() => ({
  store: KeyValueStore.makeStringOnly({
    get: (key) => inStorage("get", (storage) => Option.fromNullable(storage.getItem(key)), Option.none),
    set: (key, value) => inStorage("set", (storage) => storage.setItem(key, value), () => {}),
    remove: (key) => inStorage("remove", (storage) => storage.removeItem(key), () => {}),
    clear: inStorage("clear", (storage) => storage.clear(), () => {}),
    size: inStorage("size", (storage) => storage.length, () => 0)
  }),
  keys: inStorage(
    "keys",
    (storage) => Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? ""),
    () => []
  )
}))

/** Reading `globalThis.localStorage` throws if the user forbids storage. */
const inStorage = <A>(method: string, use: (storage: Storage) => A, none: () => A) =>
  Effect.try({
    try: () => {
      const storage: Storage | undefined = globalThis.localStorage
      return storage === undefined ? none() : use(storage)
    },
    catch: (cause) =>
      new SystemError({ reason: "Unknown", module: "KeyValueStore", method, pathOrDescriptor: "localStorage", cause })
  })
