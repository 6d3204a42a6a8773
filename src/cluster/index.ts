/**
 * Any number of servers on one PostgreSQL and one object store.
 *
 * @since 0.1.0
 */
export * as ClusterServer from "./ClusterServer.js"
export * as ClusterStore from "./ClusterStore.js"
