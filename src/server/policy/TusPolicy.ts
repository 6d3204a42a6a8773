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
 * What a server allows. `publicUrl`, `trustedProxies`, `cors` and `downloads` are read by its doors, the adapters to
 * HTTP frameworks.
 */
export interface Options extends DoorPolicy.Options {
  /** The most bytes of one upload, however they are sent. No limit by default. */
  readonly maxSize?: number | undefined
  /** Characters of an Upload-Metadata header. 8192 by default. */
  readonly maxMetadataSize?: number | undefined
  /** How long an unfinished upload lives after its last acknowledged byte. It does not expire by default. */
  readonly expiresAfter?: Duration.DurationInput | undefined
  /** Whether GET sends completed uploads, as attachments. False by default. */
  readonly downloads?: boolean | undefined
}

/**
 * By default only metadata has a limit, and uploads stay until a client removes them. Provide `layer` to the server,
 * which applies the limits, and to its doors, which read URLs and answer for CORS.
 */
export class TusPolicy extends Context.Reference<TusPolicy>()("effect-tus/TusPolicy", {
  defaultValue: (): Options => ({})
}) {}

/** Checks the options that doors do not read. */
export const check = OptionError.check(Schema.Struct({
  maxSize: Schema.optional(OptionError.whole(0)),
  maxMetadataSize: Schema.optional(OptionError.whole(0)),
  expiresAfter: Schema.optional(OptionError.duration),
  downloads: Schema.optional(OptionError.flag)
}))

/**
 * The policy as a layer. Fails with an `OptionError` for an option that makes no sense; provided without this layer,
 * such an option is a defect of the server or of its doors.
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
  Layer.effect(TusPolicy, Effect.zipRight(DoorPolicy.check(options), check(options)))
