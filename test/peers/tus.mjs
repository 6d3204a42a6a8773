/**
 * The official Node server, for programs of other folders, which do not find what is installed here.
 */
export { FileStore } from "@tus/file-store"
export { Server } from "@tus/server"
