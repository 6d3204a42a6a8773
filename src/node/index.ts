/**
 * Node.js: the fast door, files, hash functions, and a whole server in one line.
 *
 * @since 0.1.0
 */
export * as NodeHashFunctions from "../node-shared/NodeHashFunctions.js"
export * as EmbeddedStore from "./embedded/EmbeddedStore.js"
export * as NodeBootId from "./embedded/NodeBootId.js"
export * as EmbeddedServer from "./EmbeddedServer.js"
export * as FileByteStore from "./files/FileByteStore.js"
export * as NodeHandler from "./http/NodeHandler.js"
export * as NodeTusServer from "./NodeTusServer.js"
