/**
 * The client: uploads as streams of their progress, resumable in a later session, over any transport.
 *
 * @since 0.1.0
 */
export * as UploadJournal from "./journal/UploadJournal.js"
export * as TusClient from "./requests/TusClient.js"
export * as StreamSource from "./sources/StreamSource.js"
export * as UploadSource from "./sources/UploadSource.js"
export * as Connectivity from "./transport/Connectivity.js"
export * as HttpTransport from "./transport/HttpTransport.js"
export * as TusError from "./transport/TusError.js"
export * as TusTransport from "./transport/TusTransport.js"
export * as ChunkSize from "./upload/ChunkSize.js"
export * as Progress from "./upload/Progress.js"
export * as TusUpload from "./upload/TusUpload.js"
export * as UploadOptions from "./upload/UploadOptions.js"
