/**
 * The server on its embedded store, with its background work: sweeper, syncer, hash functions. It needs a door, such as
 * `NodeHandler`, `TusWeb` or `TusHttp`. Wiring only.
 */
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as NodeHashFunctions from "../node-shared/NodeHashFunctions.js"
import * as TusTracing from "../server/hooks/TusTracing.js"
import * as TusSweeper from "../server/operations/TusSweeper.js"
import * as TusSyncer from "../server/operations/TusSyncer.js"
import * as OptionError from "../server/policy/OptionError.js"
import * as TusPolicy from "../server/policy/TusPolicy.js"
import * as TusServer from "../server/TusServer.js"
import type { StoreMismatch } from "../store/Pairing.js"
import { Durability } from "../store/UploadStore.js"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import * as EmbeddedStore from "./embedded/EmbeddedStore.js"

/**
 * The options of a server without a door: store, policy and background work.
 */
export interface Options extends EmbeddedStore.Options, TusPolicy.Options, TusSweeper.Options, TusSyncer.Options {
  /** The `Durability` of answers. `"completion"` by default, or the `Durability` that is provided. */
  readonly durability?: (typeof Durability)["Service"] | undefined
}

const check = OptionError.check(Schema.Struct({
  directory: OptionError.text,
  durability: Schema.optional(OptionError.oneOf("process", "completion", "always")),
  permissions: Schema.optional(OptionError.oneOf("owner", "group")),
  smallUploads: Schema.optional(OptionError.oneOf("files", "database")),
  removeUsedPartials: Schema.optional(OptionError.flag),
  adopt: Schema.optional(OptionError.flag),
  keepOrphans: Schema.optional(OptionError.duration),
  tracing: Schema.optional(OptionError.flag),
  syncDeadline: Schema.optional(OptionError.duration)
}))

/** The services of a server without a door. */
export type Services = EmbeddedStore.Services | TusPolicy.TusPolicy | TusServer.TusServer

/** The errors with which it cannot start: an option makes no sense, or the directory or its database cannot be used. */
export type Failure = OptionError.OptionError | StoreMismatch | UploadStoreError

/**
 * Provide hooks and events to it like any Reference. At its end bodies in flight are cut off and committed.
 *
 * @example
 * ```ts
 * import { HttpLayerRouter } from "@effect/platform"
 * import { Layer } from "effect"
 * import { EmbeddedServer } from "effect-tus/node"
 * import { TusHttp } from "effect-tus/server"
 *
 * const uploads = TusHttp.layer({ path: "/api/uploads" }).pipe(
 *   Layer.provide(EmbeddedServer.layer({ directory: "./uploads", maxSize: 10 * 1024 ** 3 }))
 * )
 *
 * export const server = HttpLayerRouter.serve(uploads)
 * ```
 */
export const layer = (options: Options): Layer.Layer<Services, Failure> =>
  TusSweeper.layer(options).pipe(
    Layer.provideMerge(options.tracing === true ? Layer.provide(TusServer.layer, TusTracing.layer) : TusServer.layer),
    // Below the server, so that the last round of syncs runs after the last request.
    Layer.provideMerge(TusSyncer.layer(options)),
    Layer.provideMerge(EmbeddedStore.layer(options)),
    Layer.provide(NodeHashFunctions.layer),
    // The doors read it, too, for CORS.
    Layer.provideMerge(TusPolicy.layer(options)),
    Layer.provide(options.durability === undefined ? Layer.empty : Layer.succeed(Durability, options.durability)),
    Layer.provide(Layer.effectDiscard(check(options)))
  )
