/** What a store or a load needs of whoever brings the connection. */
import type { PgRow } from "../driver.ts"

/**
 * Runs one statement with its parameters as texts, which it casts. Every column of the result is a text too, and its name is of small
 * letters and `_`: so it does not matter what the host has set for types and names.
 */
export type Query = (text: string, values: ReadonlyArray<string | null>) => Promise<ReadonlyArray<PgRow>>

/**
 * - `read`: sees one state, and changes nothing.
 * - `write`: each statement sees what was committed before it, so that one behind a lock sees what the other did.
 */
export type TransactionMode = "read" | "write"

export interface Transactions {
  /** Runs `use` in one transaction on one connection, after the statement `setup`: nothing of it stays where it throws. */
  readonly transaction: <A>(mode: TransactionMode, setup: string, use: (query: Query) => Promise<A>) => Promise<A>
}
