export { postgresDestination, PostgresDestinationConfig, postgresDestinationOver, postgresDestinationWithin } from "./destination.ts"
export type { PostgresTransaction } from "./hosts/index.ts"
export { postgresSource, PostgresSourceConfig, postgresSourceOver } from "./source.ts"
