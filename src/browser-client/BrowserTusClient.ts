/**
 * A client for browsers and their workers in one layer. Wiring only.
 */
import * as Layer from "effect/Layer"
import * as UploadJournal from "../client/journal/UploadJournal.js"
import type { ClientOptions } from "../client/requests/Request.js"
import * as TusClient from "../client/requests/TusClient.js"
import * as BrowserHashFunctions from "./BrowserHashFunctions.js"
import * as FetchTransport from "./FetchTransport.js"
import * as Online from "./Online.js"
import * as XhrTransport from "./XhrTransport.js"

/** Options of requests and of the transport. */
export interface Options<E = never, R = never> extends ClientOptions<E, R>, XhrTransport.Options {}

/**
 * Pauses while the browser is offline. Remembers unfinished uploads in localStorage, if there is one, and proves by the
 * digest of the bytes that were sent that the file is the same.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { BrowserTusClient } from "effect-tus/browser-client"
 * import { TusUpload, UploadSource } from "effect-tus/client"
 *
 * export const upload = (file: File, show: (sent: number) => void) =>
 *   TusUpload.upload({ endpoint: "https://example.org/files", source: UploadSource.fromBlob(file) }).pipe(
 *     Stream.runForEach(({ sent }) => Effect.sync(() => show(sent))),
 *     Effect.provide(BrowserTusClient.layer())
 *   )
 * ```
 */
export const layer = <E = never, R = never>(
  options: Options<E, R> = {}
): Layer.Layer<TusClient.TusClient, never, R> =>
  TusClient.layer(options).pipe(
    Layer.provide(transport(options)),
    Layer.merge(Layer.mergeAll(Online.layer, BrowserHashFunctions.layer, UploadJournal.layerLocalStorage))
  )

/** A service worker has no XMLHttpRequest. */
const transport = (options: XhrTransport.Options) =>
  Layer.suspend(() => "XMLHttpRequest" in globalThis ? XhrTransport.layer(options) : FetchTransport.layer(options))
