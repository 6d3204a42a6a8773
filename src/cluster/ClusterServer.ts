/**
 * A server of a cluster, with its background work: sweeper, hash functions. It needs a door, such as `NodeHandler`,
 * `TusWeb` or `TusHttp`. Any load balancer may send any request to any server. Wiring only.
 */
import * as Layer from "effect/Layer"
import * as NodeHashFunctions from "../node-shared/NodeHashFunctions.js"
import * as TusTracing from "../server/hooks/TusTracing.js"
import * as TusSweeper from "../server/operations/TusSweeper.js"
import type { OptionError } from "../server/policy/OptionError.js"
import * as TusPolicy from "../server/policy/TusPolicy.js"
import * as TusServer from "../server/TusServer.js"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import * as ClusterStore from "./ClusterStore.js"

/** The options of a server without a door: store, policy and background work. */
export interface Options extends ClusterStore.Options, TusPolicy.Options, TusSweeper.Options {}

/** The services of a server without a door. */
export type Services = ClusterStore.Services | TusPolicy.TusPolicy | TusServer.TusServer

/**
 * Provide hooks and events to it like any Reference. At its end bodies in flight are cut off and committed.
 */
export const layer = (options: Options): Layer.Layer<Services, OptionError | UploadStoreError> =>
  TusSweeper.layer(options).pipe(
    Layer.provideMerge(options.tracing === true ? Layer.provide(TusServer.layer, TusTracing.layer) : TusServer.layer),
    Layer.provideMerge(ClusterStore.layer(options)),
    Layer.provide(NodeHashFunctions.layer),
    // The doors read it, too, for CORS.
    Layer.provideMerge(TusPolicy.layer(options))
  )
