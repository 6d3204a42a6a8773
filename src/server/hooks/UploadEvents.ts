/**
 * What has happened to uploads, told after it was committed. Nobody listens by default.
 */
import * as Context from "effect/Context"
import type * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Upload, UploadId } from "../../protocol/Upload.js"
import * as Monotonic from "../../time/Monotonic.js"
import * as OptionError from "../policy/OptionError.js"

/** What has happened, with the state of the upload after it; of one that is gone, its last. */
export type Event = Data.TaggedEnum<{
  Created: { readonly upload: Upload }
  /** More of its bytes are acknowledged, and it is still open. */
  Progress: { readonly upload: Upload }
  /** `location` is where a person finds the bytes. */
  Completed: { readonly upload: Upload; readonly location: Option.Option<string> }
  /** It has all its bytes, and the application refused them. */
  Rejected: { readonly upload: Upload }
  Terminated: { readonly upload: Upload }
  Expired: { readonly upload: Upload }
}>

/**
 * Whoever is told; the request waits for it. The upload is locked meanwhile: nothing should be asked of the server for
 * it there.
 */
export class UploadEvents extends Context.Reference<UploadEvents>()("effect-tus/UploadEvents", {
  defaultValue: (): { readonly publish: (event: Event) => Effect.Effect<void> } => ({ publish: () => Effect.void })
}) {}

/** The same as a stream, of this process, from the moment at which one begins to listen. */
export class UploadFeed extends Context.Tag("effect-tus/UploadFeed")<UploadFeed, Stream.Stream<Event>>() {}

/** What the feed leaves out, where an upload is fast or a listener is slow. */
export interface Options {
  /** At most one `Progress` of an upload in this time. One second by default. */
  readonly progressEvery?: Duration.DurationInput | undefined
  /** How many events wait for a listener that is slow: beyond, it misses the oldest. 1024 by default. */
  readonly capacity?: number | undefined
}

/**
 * No request waits for whoever listens to the feed.
 *
 * @example
 * ```ts
 * import { Effect, Layer, Stream } from "effect"
 * import { NodeTusServer } from "effect-tus/node"
 * import { UploadEvents } from "effect-tus/server"
 *
 * const log = Layer.scopedDiscard(Effect.forkScoped(Effect.flatMap(
 *   UploadEvents.UploadFeed,
 *   Stream.runForEach(({ _tag, upload }) => Effect.logInfo(`${_tag} ${upload.id}: ${upload.offset} bytes`))
 * )))
 *
 * export const server = Layer.merge(log, NodeTusServer.layer({ directory: "./uploads" })).pipe(
 *   Layer.provide(UploadEvents.layerFeed())
 * )
 * ```
 */
export const layerFeed = (
  { capacity = 1024, progressEvery = "1 second" }: Options = {}
): Layer.Layer<UploadEvents | UploadFeed, OptionError.OptionError> =>
  Layer.scopedContext(Effect.gen(function*() {
    yield* check({ capacity, progressEvery })
    const events = yield* Effect.acquireRelease(PubSub.sliding<Event>(capacity), PubSub.shutdown)
    const millis = Duration.toMillis(progressEvery)
    const toldAt = new Map<UploadId, number>()

    const isDue = ({ id }: Upload, now: number) => {
      const isDue = now - (toldAt.get(id) ?? -Infinity) >= millis
      if (isDue) {
        toldAt.set(id, now)
      }
      return isDue
    }

    const publish = (event: Event): Effect.Effect<void> => {
      if (event._tag === "Progress") {
        return Effect.flatMap(
          Monotonic.millis,
          (now) => Effect.when(PubSub.publish(events, event), () => isDue(event.upload, now))
        )
      }
      if (event._tag !== "Created") {
        toldAt.delete(event.upload.id)
      }
      return PubSub.publish(events, event)
    }

    return Context.make(UploadEvents, { publish }).pipe(Context.add(UploadFeed, Stream.fromPubSub(events)))
  }))

const check = OptionError.check(Schema.Struct({ capacity: OptionError.whole(1), progressEvery: OptionError.duration }))
