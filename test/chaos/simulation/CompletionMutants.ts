/**
 * Bugs in the completion of uploads.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { has, type Mutants } from "./Mutants.js"

export const completion: Mutants = {
  "asks the hook before all bytes are committed": {
    where: ({ hooks }) => hooks,
    store: (store, world) => ({
      ...store,
      commit: (entry, next, tail) => {
        const { current } = world.kernel
        return Effect.zipRight(
          entry.upload.isOpen && next.completion._tag === "Finishing" && current !== undefined
            ? Effect.ignore(world.application.hook(current)(next))
            : Effect.void,
          store.commit(entry, next, tail)
        )
      }
    })
  },

  "asks the hook twice": {
    where: ({ hooks }) => hooks,
    hook: (hook) => (upload) => Effect.zipRight(hook(upload), hook(upload))
  },

  "completes without asking the hook": {
    where: ({ hooks }) => hooks,
    store: (store) => ({
      ...store,
      commit: (entry, next, tail) =>
        store.commit(
          entry,
          entry.upload.isOpen && next.completion._tag === "Finishing" && Option.isSome(next.length)
            ? next.fill(next.length.value, { _tag: "Complete", at: next.createdAt, answer: Option.none() })
            : next,
          tail
        )
    })
  },

  "forgets what the hook has said": {
    where: ({ hooks }) => hooks,
    store: (store) => ({
      ...store,
      commit: (entry, next, tail) =>
        store.commit(
          entry,
          next.completion._tag === "Complete"
            ? next.fill(next.offset, { ...next.completion, answer: Option.none() })
            : next,
          tail
        )
    })
  },

  "leaves undone what a crash has interrupted": {
    where: has("crash", "power cut"),
    registry: (registry) => ({ ...registry, pending: () => Effect.succeed([]) })
  }
}
