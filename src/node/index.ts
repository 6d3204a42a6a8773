/**
 * Node.js: the fast door, files, hash functions, and a whole server in one line.
 *
 * @since 0.1.0
 */
export * as EmbeddedServer from "./EmbeddedServer.js"
export * as EmbeddedStore from "./EmbeddedStore.js"
export * as FileByteStore from "./FileByteStore.js"
export * as NodeBootId from "./NodeBootId.js"
export * as NodeHandler from "./NodeHandler.js"
export * as NodeHashFunctions from "./NodeHashFunctions.js"
export * as NodeTusServer from "./NodeTusServer.js"
