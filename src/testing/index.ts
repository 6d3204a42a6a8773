/**
 * The contracts of storage as test suites. Run them with vitest over a layer of your own.
 *
 * @since 0.1.0
 */
export * as ByteStoreSuite from "./bytes/ByteStoreSuite.js"
export * as DistributedLockSuite from "./lock/DistributedLockSuite.js"
export * as UploadLockSuite from "./lock/UploadLockSuite.js"
export * as UploadRegistrySuite from "./registry/UploadRegistrySuite.js"
