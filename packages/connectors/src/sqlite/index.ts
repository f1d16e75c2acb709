/** Tables of a SQLite file, through Node's own `node:sqlite`. */
export { sqliteSource, SqliteSourceConfig } from "./source.ts"
export { sqliteDestination, SqliteDestinationConfig } from "./destination.ts"
