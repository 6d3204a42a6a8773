/**
 * The client: uploads as streams of their progress, resumable across sessions, over any transport.
 *
 * @since 0.1.0
 */
export * as ChunkSize from "./ChunkSize.js"
export * as Connectivity from "./Connectivity.js"
export * as HttpTransport from "./HttpTransport.js"
export * as Progress from "./Progress.js"
export * as StreamSource from "./StreamSource.js"
export * as TusClient from "./TusClient.js"
export * as TusError from "./TusError.js"
export * as TusTransport from "./TusTransport.js"
export * as TusUpload from "./TusUpload.js"
export * as UploadJournal from "./UploadJournal.js"
export * as UploadOptions from "./UploadOptions.js"
export * as UploadSource from "./UploadSource.js"
