/**
 * @tus/server, for programs in other folders, which do not find the packages of this one.
 */
export { FileStore } from "@tus/file-store"
export { Server } from "@tus/server"
