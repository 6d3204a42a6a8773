/**
 * The client in browsers and their workers: real progress, pauses while offline, a journal that survives a reload.
 *
 * @since 0.1.0
 */
export * as BrowserHashFunctions from "./BrowserHashFunctions.js"
export * as BrowserTusClient from "./BrowserTusClient.js"
export * as FetchTransport from "./FetchTransport.js"
export * as Online from "./Online.js"
export * as XhrTransport from "./XhrTransport.js"
