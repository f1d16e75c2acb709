/** CSV files. */
export { csvDestination, CsvDestinationConfig } from "./destination.ts"
export { csvSource, CsvSourceConfig, makeCsvSource } from "./source.ts"
