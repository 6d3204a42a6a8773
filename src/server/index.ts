/**
 * The server: the interpreter of the rules, what it can be given, and the doors that need no platform.
 *
 * @since 0.1.0
 */
export * as AccessLog from "./AccessLog.js"
export * as OptionError from "./OptionError.js"
export * as Prometheus from "./Prometheus.js"
export * as Quota from "./Quota.js"
export * as TusAdmin from "./TusAdmin.js"
export * as TusHealth from "./TusHealth.js"
export * as TusHttp from "./TusHttp.js"
export * as TusMetrics from "./TusMetrics.js"
export * as TusObserver from "./TusObserver.js"
export * as TusPolicy from "./TusPolicy.js"
export * as TusServer from "./TusServer.js"
export * as TusSweeper from "./TusSweeper.js"
export * as TusSyncer from "./TusSyncer.js"
export * as TusTracing from "./TusTracing.js"
export * as TusWeb from "./TusWeb.js"
export * as TypedUploads from "./TypedUploads.js"
export * as UploadEvents from "./UploadEvents.js"
export * as UploadHooks from "./UploadHooks.js"
export * as UploadIds from "./UploadIds.js"
export * as UploadLimits from "./UploadLimits.js"
export * as UploadUrls from "./UploadUrls.js"
