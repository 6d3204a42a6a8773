/**
 * effect-tus/sql: the states of uploads in a database, over any `@effect/sql` client.
 *
 * @since 0.1.0
 */
/**
 * @since 0.1.0
 */
export * as SqlUploadRegistry from "./SqlUploadRegistry.js"
