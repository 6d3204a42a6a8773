/**
 * The client on Node.js: a transport with back-pressure, TLS, client certificates and proxies.
 *
 * @since 0.1.0
 */
export * as FileSource from "./FileSource.js"
export * as NodeTransport from "./NodeTransport.js"
export * as NodeTusClient from "./NodeTusClient.js"
