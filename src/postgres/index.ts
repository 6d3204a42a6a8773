/**
 * PostgreSQL for any number of servers.
 *
 * @since 0.1.0
 */
export * as PostgresClient from "./PostgresClient.js"
