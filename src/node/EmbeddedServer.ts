/**
 * The server on its embedded store, with all that goes on beside requests: sweeper, syncer, hash functions. A door is
 * what it lacks, such as `NodeHandler`, `TusWeb` or `TusHttp`. Wiring only.
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
 * What a server that has no door can be told: where it keeps uploads and what of them, whom it serves, and what it does
 * on its own.
 */
export interface Options extends EmbeddedStore.Options, TusPolicy.Options, TusSweeper.Options, TusSyncer.Options {
  /** What an answer promises, as `Durability` says. `"completion"` by default, unless that is provided. */
  readonly durability?: (typeof Durability)["Service"] | undefined
}

const check = OptionError.check(Schema.Struct({
  directory: OptionError.text,
  durability: Schema.optional(OptionError.oneOf("process", "completion", "always")),
  permissions: Schema.optional(OptionError.oneOf("owner", "group")),
  removeUsedPartials: Schema.optional(OptionError.flag),
  adopt: Schema.optional(OptionError.flag),
  keepOrphans: Schema.optional(OptionError.duration),
  tracing: Schema.optional(OptionError.flag),
  syncDeadline: Schema.optional(OptionError.duration)
}))

/** What a server without a door consists of. */
export type Services = EmbeddedStore.Services | TusPolicy.TusPolicy | TusServer.TusServer

/** Why it cannot be run: an option means nothing, or the directory or its database cannot be used. */
export type Failure = OptionError.OptionError | StoreMismatch | UploadStoreError

/**
 * Hooks and events are provided to it like any Reference. At its end bodies under way are cut off and committed.
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
    // Below the server: the last round finds what the last requests have committed.
    Layer.provideMerge(TusSyncer.layer(options)),
    Layer.provideMerge(EmbeddedStore.layer(options)),
    Layer.provide(NodeHashFunctions.layer),
    // The doors ask for it, too: it says whose pages may use them.
    Layer.provideMerge(TusPolicy.layer(options)),
    Layer.provide(options.durability === undefined ? Layer.empty : Layer.succeed(Durability, options.durability)),
    Layer.provide(Layer.effectDiscard(check(options)))
  )
