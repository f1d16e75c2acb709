/**
 * Rows from the host's own process, and back into it.
 *
 * Delivery: exactly once; the destination keeps its checkpoint beside the rows, for as long as it lives. Order: as given. Deletes: none.
 */
export { type MemoryRows, memorySource } from "./source.ts"
export { memoryDestination, type MemoryDestination } from "./destination.ts"
