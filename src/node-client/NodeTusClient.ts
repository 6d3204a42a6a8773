/**
 * A client for Node in one layer: the transport on `node:http` and the hash functions of Node. Wiring only.
 */
import * as Layer from "effect/Layer"
import type { ClientOptions } from "../client/requests/Request.js"
import * as TusClient from "../client/requests/TusClient.js"
import type { TusTransport } from "../client/transport/TusTransport.js"
import * as NodeHashFunctions from "../node-shared/NodeHashFunctions.js"
import type { NodeTransportError } from "../node-shared/NodeTls.js"
import * as NodeTransport from "./NodeTransport.js"

/** Options of requests and of the transport. */
export interface Options<E = never, R = never> extends ClientOptions<E, R>, NodeTransport.Options {}

/**
 * Fails if a certificate or key cannot be used, or `proxy` is not the URL of a proxy.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { TusUpload, type UploadSource } from "effect-tus/client"
 * import { NodeTusClient } from "effect-tus/node-client"
 *
 * const token = Effect.succeed("secret-of-ann") // where your application keeps it
 *
 * const client = NodeTusClient.layer({
 *   headers: () => Effect.map(token, (token) => ({ authorization: `Bearer ${token}` })),
 *   stallTimeout: "10 seconds"
 * })
 *
 * export const upload = (source: UploadSource.UploadSource) =>
 *   TusUpload.run({ endpoint: "https://example.org/files", source }).pipe(Effect.provide(client))
 * ```
 */
export const layer = <E = never, R = never>(
  options: Options<E, R> = {}
): Layer.Layer<TusClient.TusClient, NodeTransportError, Exclude<R, TusTransport>> =>
  TusClient.layer(options).pipe(
    Layer.provide(NodeTransport.layer(options)),
    Layer.merge(NodeHashFunctions.layer)
  )
