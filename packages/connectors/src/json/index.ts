/** Files with one JSON array or object. */
export { jsonDestination, JsonDestinationConfig } from "./destination.ts"
export { jsonSource, JsonSourceConfig, makeJsonSource } from "./source.ts"
