/** For those who write a store: what it promises, and what all stores do alike. */
export {
  type EngineEvent,
  type EntryFilter,
  type EventFilter,
  isTerminal,
  type Lease,
  type Page,
  type Run,
  type RunFilter,
  type RunStatus,
  runStatuses,
  type StepPlace,
  type StepState,
  type Store,
  type StoredCheckpoint,
  type StoredDefinition,
  type StoredEntry,
} from "../contract/Store.ts"
export { savedDefinition } from "./definitions.ts"
export { livingEntry, savedEntry } from "./entries.ts"
export { acquired, heldLease, isSame, type LeaseRow, mayCommit, released } from "./leases.ts"
export { changedRun } from "./runs.ts"
