/**
 * PostgreSQL for any number of servers.
 *
 * @since 0.1.0
 */
export * as PgUploadLock from "./PgUploadLock.js"
export * as PgUsageLedger from "./PgUsageLedger.js"
export * as PostgresClient from "./PostgresClient.js"
