export { FileStore } from "@tus/file-store"
export { Server } from "@tus/server"
