export { postgresDestination, PostgresDestinationConfig, postgresDestinationOver, postgresDestinationWithin } from "./destination.ts"
export { postgresSource, PostgresSourceConfig, postgresSourceOver } from "./source.ts"
