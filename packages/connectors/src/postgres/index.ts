export { postgresDestination, PostgresDestinationConfig, postgresDestinationOver } from "./destination.ts"
export { postgresSource, PostgresSourceConfig, postgresSourceOver } from "./source.ts"
