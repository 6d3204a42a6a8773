/**
 * Bytes of uploads in an S3-compatible object store.
 *
 * @since 0.1.0
 */
export * as Probe from "./Probe.js"
export * as S3ByteStore from "./S3ByteStore.js"
export * as S3Objects from "./S3Objects.js"
export * as S3Sdk from "./S3Sdk.js"
