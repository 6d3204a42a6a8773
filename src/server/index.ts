/**
 * The server: the interpreter of the rules, what it can be given, and the doors that need no platform.
 *
 * @since 0.1.0
 */
export * as Allowance from "./body/Allowance.js"
export * as Exchange from "./body/Exchange.js"
export * as UploadBody from "./body/UploadBody.js"
export * as TusHttp from "./doors/TusHttp.js"
export * as TusWeb from "./doors/TusWeb.js"
export * as TusObserver from "./hooks/TusObserver.js"
export * as TusTracing from "./hooks/TusTracing.js"
export * as TypedUploads from "./hooks/TypedUploads.js"
export * as UploadEvents from "./hooks/UploadEvents.js"
export * as UploadHooks from "./hooks/UploadHooks.js"
export * as UploadIds from "./hooks/UploadIds.js"
export * as UploadLimits from "./hooks/UploadLimits.js"
export * as UploadUrls from "./hooks/UploadUrls.js"
export * as AccessLog from "./operations/AccessLog.js"
export * as Prometheus from "./operations/Prometheus.js"
export * as TusAdmin from "./operations/TusAdmin.js"
export * as TusHealth from "./operations/TusHealth.js"
export * as TusMetrics from "./operations/TusMetrics.js"
export * as TusSweeper from "./operations/TusSweeper.js"
export * as TusSyncer from "./operations/TusSyncer.js"
export * as OptionError from "./policy/OptionError.js"
export * as Quota from "./policy/Quota.js"
export * as TusPolicy from "./policy/TusPolicy.js"
export * as TusServer from "./TusServer.js"
