/**
 * What the operator of a server allows. Every limit holds on every path.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as DoorPolicy from "./DoorPolicy.js"
import * as OptionError from "./OptionError.js"

/**
 * What a server allows, with a default for each. `publicUrl`, `trustedProxies`, `cors` and `downloads` are for its
 * doors.
 */
export interface Options extends DoorPolicy.Options {
  /** Bytes that one upload may hold, however it comes. No limit by default. */
  readonly maxSize?: number | undefined
  /** Characters that an Upload-Metadata header may have. 8192 by default. */
  readonly maxMetadataSize?: number | undefined
  /** How long an unfinished upload lives after its last acknowledged byte. For ever by default. */
  readonly expiresAfter?: Duration.DurationInput | undefined
  /** Whether complete uploads may be had by GET, as files to be saved. Not by default. */
  readonly downloads?: boolean | undefined
}

/**
 * By default nothing but metadata has a limit, and uploads stay until somebody removes them. To be provided by `layer`,
 * to the server and to its doors alike: the one keeps the limits, the others read URLs and answer for CORS.
 */
export class TusPolicy extends Context.Reference<TusPolicy>()("effect-tus/TusPolicy", {
  defaultValue: (): Options => ({})
}) {}

/** The options, where all of them that are no matter of doors mean something. */
export const check = OptionError.check(Schema.Struct({
  maxSize: Schema.optional(OptionError.whole(0)),
  maxMetadataSize: Schema.optional(OptionError.whole(0)),
  expiresAfter: Schema.optional(OptionError.duration),
  downloads: Schema.optional(OptionError.flag)
}))

/**
 * The policy as a layer, which fails where an option means nothing. Provided without it, the same is a defect of the
 * server or its doors.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { ByteStore, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
 * import { TusHttp, TusPolicy, TusServer } from "effect-tus/server"
 *
 * export const uploads = TusHttp.layer({ path: "/files" }).pipe(
 *   Layer.provide(TusServer.layer),
 *   Layer.provide([UploadStore.layer, UploadLock.layerMemory]),
 *   Layer.provide([UploadRegistry.layerMemory, ByteStore.layerMemory]),
 *   // Below both: the server and its door read it.
 *   Layer.provide(TusPolicy.layer({ maxSize: 1024 ** 3, cors: { origins: ["https://example.org"] } }))
 * )
 * ```
 */
export const layer = (options: Options): Layer.Layer<TusPolicy, OptionError.OptionError> =>
  Layer.effect(TusPolicy, Effect.zipRight(DoorPolicy.make(options), check(options)))
