/**
 * The states of uploads in a database, over any client of `@effect/sql` whose dialect is SQLite's or PostgreSQL's.
 *
 * @since 0.1.0
 */
export * as SqlUploadRegistry from "./SqlUploadRegistry.js"
