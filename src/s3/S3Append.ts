/**
 * Appends to an upload, and cuts it: what a new writer finds, the body, and what its end leaves.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Pull } from "../bytes/Pull.js"
import type { UploadId } from "../protocol/Upload.js"
import type { ByteStore, Place } from "../store/ByteStore.js"
import { type Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import { Events } from "./Events.js"
import * as Manifest from "./Manifest.js"
import * as PartWriter from "./PartWriter.js"

export const make = (dependencies: PartWriter.Dependencies): Pick<ByteStore["Type"], "append" | "truncate"> => {
  const { calls, manifests } = dependencies

  /** Keeps the bytes before `at`, under this fence from now on. */
  const begin = (id: UploadId, { at, fence }: Place) =>
    manifests.claim(id, fence, (found) => {
      const begun = Manifest.begin(found ?? Manifest.empty, at, dependencies)
      return begun._tag === "Left"
        ? Exit.fail(tooShort(id, at, begun.left))
        : Exit.succeed({ ...begun.right, after: Manifest.after(found ?? Manifest.empty, begun.right) })
    })

  const clean = (before: Manifest.Manifest, after: Manifest.Manifest) => {
    const { chapters, keys } = Manifest.unneeded(before, after)
    return calls.clean(keys, chapters)
  }

  /** Writes what `pull` gives. The effect is the end of the body; if it cannot be written, it fails. */
  const writing = <E, R, E2, R2>(
    pull: Pull<E, R>,
    writer: PartWriter.PartWriter<Option.Option<E>, E2, R2>
  ): Effect.Effect<Exit.Exit<void, E>, E2 | Superseded | UploadStoreError, R | R2> =>
    Effect.flatMap(
      Effect.fork(Effect.map(Effect.exit(Effect.interruptible(pull)), (exit) => writer.tell({ _tag: "Pulled", exit }))),
      (puller) => Effect.onError(writer.pulled, () => Fiber.interrupt(puller))
    ).pipe(
      Effect.flatMap(Exit.match({
        onFailure: (cause) => Effect.succeed(ending(cause)),
        onSuccess: (batch) => Effect.flatMap(writer.accept(batch), () => writing(pull, writer))
      }))
    )

  return {
    append: <E, R, E2, R2>(
      id: UploadId,
      place: Place,
      pull: Pull<E, R>,
      onWritten: (end: number) => Effect.Effect<void, E2, R2>
    ) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function*() {
          const { after: manifest, before, boundary, next } = yield* begin(id, place)
          const cleaning = yield* Effect.fork(clean(before, manifest))
          const begun = { id, ...place, boundary, next, manifest }
          const events = new Events<PartWriter.Event<Option.Option<E>>>()
          const writer = new PartWriter.PartWriter(dependencies, begun, events, onWritten, restore)
          const written = Effect.flatMap(
            Effect.exit(writing(pull, writer)),
            (exit): Effect.Effect<number, E | E2 | Superseded | UploadStoreError, R2> =>
              Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause)
                ? Exit.failCause(exit.cause)
                // Also if it is interrupted or cut off: all bytes that have come are kept.
                : Effect.zipLeft(writer.finish, Exit.flatten(exit))
          )
          return yield* written.pipe(Effect.ensuring(writer.close), Effect.ensuring(Fiber.join(cleaning)))
        })
      ),

    truncate: (id, place) =>
      Effect.uninterruptible(
        Effect.flatMap(manifests.load(id), (found) =>
          Option.isNone(found) || Manifest.sizeOf(found.value.manifest) <= place.at
            ? claimed(id, place.fence, found)
            : Effect.flatMap(begin(id, place), ({ after, before }) =>
              clean(before, after)))
      )
  }

  /** Nothing has to be cut, but from now on lower fences are refused. */
  function claimed(id: UploadId, fence: number, found: Option.Option<unknown>) {
    return Option.isNone(found) ? Effect.void : Effect.asVoid(
      manifests.claim(id, fence, (manifest = Manifest.empty) => Exit.succeed({ after: manifest }))
    )
  }
}

/** How the body has ended: the end of a pull is no failure. */
const ending = <E>(cause: Cause.Cause<Option.Option<E>>): Exit.Exit<void, E> => {
  const failure = Cause.failureOption(cause)
  return Option.isSome(failure) && Option.isNone(failure.value)
    ? Exit.void
    : Exit.failCause(Cause.flatMap(cause, Option.match({ onNone: () => Cause.empty, onSome: Cause.fail })))
}

const tooShort = (id: UploadId, at: number, size: number) =>
  new UploadStoreError({
    reason: "Corrupt",
    operation: `append to ${id} at ${at}`,
    cause: new Error(
      at > size ? `there are only ${size} bytes` : `${at} lies within a part: it is no offset that was reported`
    )
  })
