/**
 * Events of uploads, published after each commit, by the process that has made it. Of several servers each publishes
 * its own: those of one upload may come from different servers, but each of them from one. Nobody listens by default.
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
import type { Upload } from "../../protocol/Upload.js"
import * as Monotonic from "../../time/Monotonic.js"
import * as OptionError from "../policy/OptionError.js"
import * as ProgressTimes from "./ProgressTimes.js"

/** An event, with the state of the upload after it, or its last state if it has been removed. */
export type Event = Data.TaggedEnum<{
  Created: { readonly upload: Upload }
  /** More of its bytes are committed, and it is still open. */
  Progress: { readonly upload: Upload }
  /** `location` is the path of the file, if the byte store has files. */
  Completed: { readonly upload: Upload; readonly location: Option.Option<string> }
  /** All its bytes were stored, and the application refused them. */
  Rejected: { readonly upload: Upload }
  Terminated: { readonly upload: Upload }
  Expired: { readonly upload: Upload }
}>

/**
 * The listener. The request waits for it, and the upload is locked meanwhile: do not call the server for this upload
 * from here.
 */
export class UploadEvents extends Context.Reference<UploadEvents>()("effect-tus/UploadEvents", {
  defaultValue: (): { readonly publish: (event: Event) => Effect.Effect<void> } => ({ publish: () => Effect.void })
}) {}

/**
 * The events of this process as a stream, from the moment of the subscription. It does not have those of other servers;
 * an application that needs all of them sends them on from each server, to its own queue.
 */
export class UploadFeed extends Context.Tag("effect-tus/UploadFeed")<UploadFeed, Stream.Stream<Event>>() {}

/** Which events the feed drops when an upload is fast or a listener is slow. */
export interface Options {
  /** At most one `Progress` per upload in this time, in this process. One second by default. */
  readonly progressEvery?: Duration.DurationInput | undefined
  /** How many events are kept for a slow listener. Beyond it, the oldest are dropped. 1024 by default. */
  readonly capacity?: number | undefined
}

/**
 * Provides `UploadFeed`. No request waits for the listeners of the feed.
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
    const times = ProgressTimes.make(Duration.toMillis(progressEvery))

    const publish = (event: Event): Effect.Effect<void> => {
      if (event._tag === "Progress") {
        return Effect.flatMap(
          Monotonic.millis,
          (now) => Effect.when(PubSub.publish(events, event), () => times.take(event.upload.id, now))
        )
      }
      if (event._tag !== "Created") {
        times.forget(event.upload.id)
      }
      return PubSub.publish(events, event)
    }

    return Context.make(UploadEvents, { publish }).pipe(Context.add(UploadFeed, Stream.fromPubSub(events)))
  }))

const check = OptionError.check(Schema.Struct({ capacity: OptionError.whole(1), progressEvery: OptionError.duration }))
