/** Parquet files. */
export { parquetDestination } from "./destination.ts"
export { ParquetDestinationConfig, ParquetSourceConfig } from "./options.ts"
export { parquetSource } from "./source.ts"
